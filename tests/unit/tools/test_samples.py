"""The sample files in ``etc`` name every option and every rule of this release (``tools/samples`` makes them)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

import nova.conf
import nova.policies
import placement.conf
import placement.policies

ETC = Path(__file__).parents[3] / "etc"
OPTIONS = {
    "nova/nova.conf.sample": nova.conf.for_sample_generator,
    "placement/placement.conf.sample": placement.conf.for_sample_generator,
}
RULES = {
    "nova/policy.yaml.sample": nova.policies.rules,
    "placement/policy.yaml.sample": placement.policies.list_rules,
}


def options_in(sample: str) -> set[tuple[str, str]]:
    """(group, option) of each line ``#option = value``."""
    found, group = set(), ""
    for line in (ETC / sample).read_text().splitlines():
        if match := re.fullmatch(r"\[(\S+)\]", line):
            group = match[1]
        elif match := re.match(r"#(\w+) =", line):
            found.add((group, match[1]))
    return found


@pytest.mark.parametrize("sample", OPTIONS)
def test_every_option_is_in_the_sample(sample: str) -> None:
    declared: Iterable[Any] = OPTIONS[sample]()
    wanted = {
        (str(group or "DEFAULT"), option.dest) for group, options in declared for option in options
    }
    assert wanted - options_in(sample) == set()


@pytest.mark.parametrize("sample", RULES)
def test_every_rule_is_in_the_sample(sample: str) -> None:
    shown = set(re.findall(r'^#?"([^"]+)":', (ETC / sample).read_text(), flags=re.M))
    assert {rule.name for rule in RULES[sample]()} - shown == set()
