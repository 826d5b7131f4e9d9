"""The command line of ``tools/test`` and its closing summary."""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from test_parts.environment import Environment, prepare
from test_parts.interpreters import Missing, find_interpreter
from test_parts.steps import ON_DEMAND, STEPS, Asked, Result, run_step

ROOT = Path(__file__).resolve().parents[2]


def main(arguments: Sequence[str]) -> int:
    """0 when every step passed, 1 when one failed, 2 when they could not be run."""
    own, pytest_words = _split(arguments)
    given = _parser().parse_args(own)
    try:
        python = sys.executable if given.here else _own_environment(given.python, given.lowest)
    except Missing as missing:
        print(f"tools/test: {missing}", file=sys.stderr)
        return 2
    usual = [step for step in STEPS if step not in ON_DEMAND]
    asked = Asked(python, ROOT, slow=given.slow, pytest_words=tuple(pytest_words))
    results = [run_step(step, asked) for step in given.steps or usual]
    if len(results) > 1:
        print(_summary(results))
    promised = os.environ.get("CI") == "true" and not pytest_words
    skipped = sum(result.counts["skipped"] for result in results)
    if promised and skipped:
        print(f"tools/test: {skipped} skipped, but CI=true promises that nothing is missing")
        return 1
    return 0 if all(result.ok for result in results) else 1


def _split(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    words = list(arguments)
    if "--" not in words:
        return words, []
    at = words.index("--")
    return words[:at], words[at + 1 :]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tools/test",
        usage="%(prog)s [options] [step ...] [-- PYTEST_ARGUMENT ...]",
        description="Makes an environment of its own, then runs the steps in turn; all of them when none is named.",
    )
    add = parser.add_argument
    add("steps", nargs="*", metavar="step", choices=[*STEPS, []], help=", ".join(STEPS))
    add("--python", metavar="X.Y", help="test with this Python (the one that runs this command)")
    add("--lowest", action="store_true", help="with the oldest supported versions of all packages")
    add("--here", action="store_true", help="use the running Python and what is installed for it")
    add("--slow", action="store_true", help="with the tests marked as slow")
    return parser


def _own_environment(version: str | None, lowest: bool) -> str:
    running = f"{sys.version_info.major}.{sys.version_info.minor}"
    wanted = version or running
    interpreter = sys.executable if wanted == running else find_interpreter(wanted)
    environment = Environment(
        ROOT / f".venv-test-{wanted}{'-lowest' if lowest else ''}",
        ROOT / ("constraints-lowest.txt" if lowest else "constraints.txt"),
    )
    prepare(environment, interpreter=interpreter, root=ROOT)
    return environment.python


def _summary(results: Sequence[Result]) -> str:
    """A line per step, then the sum of what pytest counted."""
    total: Counter[str] = Counter()
    lines = [""]
    for result in results:
        counted = ", ".join(f"{number} {kind}" for kind, number in result.counts.items())
        verdict = "ok" if result.ok else "FAILED"
        lines.append(f"{result.step:<12}{verdict:<8}{result.took_s:6.1f} s  {counted}".rstrip())
        total += result.counts
    if total:
        failed = total["failed"] + total["error"] + total["errors"]
        lines.append(f"{total['passed']} passed, {failed} failed, {total['skipped']} skipped")
    return "\n".join(lines)
