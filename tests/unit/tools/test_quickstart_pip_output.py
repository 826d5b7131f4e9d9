"""What pip says, put short for the person who waits for it."""

from __future__ import annotations

import pytest
from quickstart_parts.pip_output import newest_step, why_it_failed


@pytest.mark.parametrize(
    ("text", "step"),
    [
        ("Collecting keystone<31,>=30\n  Obtaining dependency", "obtaining dependency"),
        ("  Downloading a-1.whl (3 kB)\nnoise", "downloading a-1.whl"),
        ("Installing collected packages: a, b, c", "installing 3 packages"),
        ("noise only", None),
    ],
)
def test_newest_step_is_shown(text: str, step: str | None) -> None:
    assert newest_step(text) == step


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "error: command 'gcc' failed: No such file or directory\nERROR: Failed",
            "there is no C compiler",
        ),
        ("WARNING: Retrying ... NewConnectionError\nERROR: No matching", "pip cannot reach PyPI"),
        ("ERROR: first\nERROR: No matching distribution for x", "No matching distribution for x"),
        ("killed", "pip could not install"),
    ],
)
def test_failure_is_told_in_one_sentence(text: str, sentence: str) -> None:
    assert sentence in why_it_failed(text)
