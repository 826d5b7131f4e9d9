"""Upgrade checks: questions with one answer each, told as a table or as JSON, the worst being the exit status."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

import prettytable
from oslo_config import cfg
from oslo_policy import policy

_TITLE = "Upgrade Check Results"
# Of details in the table; longer lines would not fit beside each other in a terminal.
_WIDTH = 60


class Result(IntEnum):
    """The values are those of ``--json`` and, of the worst check, the exit status."""

    SUCCESS = 0
    WARNING = 1
    FAILURE = 2


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found. ``details`` is a sentence for the operator that names the cure."""

    result: Result
    details: str | None = None


def report(checks: Mapping[str, Callable[[], Finding]], *, as_json: bool) -> int:
    """Run all checks and print what they found; the exit status is that of the worst."""
    findings = {name: check() for name, check in checks.items()}
    if as_json:
        listed = [
            {"check": name, "result": int(found.result), "details": found.details}
            for name, found in findings.items()
        ]
        print(json.dumps({"name": _TITLE, "checks": listed}))
    else:
        print(_table(findings))
    return max(int(found.result) for found in findings.values())


def _table(findings: Mapping[str, Finding]) -> prettytable.PrettyTable:
    table = prettytable.PrettyTable([_TITLE])
    table.align = "l"
    for name, found in findings.items():
        result = found.result.name.capitalize()
        details = textwrap.fill(
            f"Details: {found.details}", _WIDTH, subsequent_indent="  ", break_on_hyphens=False
        )
        table.add_row([f"Check: {name}\nResult: {result}\n{details}"], divider=True)
    return table


def check_policy_file(conf: cfg.ConfigOpts) -> Finding:
    """The operator's policy file must be YAML, since JSON is not supported any more."""
    policy.Enforcer(conf)  # makes oslo.policy's options known
    found = conf.find_file(conf.oslo_policy.policy_file)
    if found is None or not _is_json(Path(found)):
        return Finding(Result.SUCCESS)
    return Finding(
        Result.FAILURE,
        f"The policy file {found} is JSON: convert it with oslopolicy-convert-json-to-yaml.",
    )


def _is_json(path: Path) -> bool:
    text = path.read_text()
    try:
        json.loads(text)
    except ValueError:
        return False
    return bool(text.strip())
