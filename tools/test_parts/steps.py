"""The steps in turn, each with its commands, its time and what pytest counted."""

from __future__ import annotations

import os
import re
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

# pytest's way to say that no test was selected: fine when the caller selected, a mistake otherwise.
_NO_TESTS = 5

# Longer than any step takes on two slow cores; a test that hangs in spite of its own bounds ends here.
_STEP_TIMEOUT_S = 1500

_COUNTED = re.compile(r"(\d+) (passed|failed|skipped|errors?|xfailed|xpassed)\b")
_CLOSING = re.compile(r"=*\s*\d+ (passed|failed|skipped|error|deselected|xfailed).* in [\d.]+s")

LINT = "lint"
SUITES = {
    "unit": ("tests/unit",),
    "api": ("tests/api",),
    "db": ("tests/db",),
    # Fixtures of whole clouds are shared inside a file, so a file stays with one worker.
    "functional": ("tests/functional", "--ignore=tests/functional/processes", "--dist=loadfile"),
    # One deployment of a dozen processes is shared by all of them, so there is one worker.
    "processes": ("tests/functional/processes", "-n0"),
    "osc-placement": ("tests/conformance/osc_placement",),
}
# These wait for databases and for each other most of the time.
_WAITING = frozenset({"db", "functional"})
# The test files of the reference, run by their own runner; its closing line is like pytest's.
GABBITS = "gabbits"
STEPS = (LINT, *SUITES, GABBITS)
# They install neighbours of their own and are run when they are named.
ON_DEMAND = ("osc-placement", GABBITS)


@dataclass(frozen=True, slots=True)
class Asked:
    """How the steps are run: with which interpreter, with the slow tests or without, and what pytest gets."""

    python: str
    root: Path
    slow: bool = False
    pytest_words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one step."""

    step: str
    ok: bool
    took_s: float
    counts: Counter[str] = field(default_factory=Counter)


def run_step(step: str, asked: Asked) -> Result:
    """Run all commands of a step, also after one of them failed, and tell how it went."""
    print(f"\n--- {step}", flush=True)
    began = time.monotonic()
    counts: Counter[str] = Counter()
    ok = True
    for command in _commands(step, asked):
        status, closing = _run(command, asked.root)
        counts.update({kind: int(number) for number, kind in _COUNTED.findall(closing)})
        ok &= status == 0 or (status == _NO_TESTS and bool(asked.pytest_words))
    return Result(step, ok, time.monotonic() - began, counts)


def _commands(step: str, asked: Asked) -> list[list[str]]:
    python = asked.python
    if step == LINT:
        return [
            [python, "-m", "ruff", "check", "."],
            [python, "-m", "ruff", "format", "--check", "."],
            [python, "-m", "mypy"],
            [python, "tools/check_imports.py"],
        ]
    if step == GABBITS:
        return [[python, "-m", "tests.conformance.gabbits", "--quiet", *asked.pytest_words]]
    cores = os.cpu_count() or 1
    workers = str(min(4, 2 * cores if step in _WAITING else cores))
    chosen = [] if asked.slow else ["-m", "not slow"]
    return [
        [python, "-m", "pytest", "-q", "-n", workers, *chosen, *SUITES[step], *asked.pytest_words]
    ]


def _run(command: Sequence[str], root: Path) -> tuple[int, str]:
    """Exit status and pytest's closing line (empty for others); the output is passed on as it comes."""
    process = subprocess.Popen(
        command,
        cwd=root,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        # Compiled files are kept whatever the shell says: each worker and each program under test would compile all
        # packages anew.
        env=os.environ | {"PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": ""},
    )
    killer = threading.Timer(_STEP_TIMEOUT_S, process.kill)
    killer.daemon = True
    killer.start()
    closing = ""
    try:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            if _CLOSING.match(line):
                closing = line
        return process.wait(), closing
    finally:
        killer.cancel()
        if process.poll() is None:
            process.terminate()
            process.wait()
