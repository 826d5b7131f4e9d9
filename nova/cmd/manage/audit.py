"""``nova-manage audit``: does what the databases and Placement say of each other fit together?"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from groundwork.errors import NotFound
from nova.audit.auditor import Auditor, Report, Scope
from nova.audit.finding import Check, Finding, Key
from nova.audit.healing import heal
from nova.audit.metrics import Counts, write
from nova.audit.repairs import Outcome, Repairer, Silence
from nova.clients.placement import Placement, load_placement
from nova.cmd.manage import audit_history
from nova.cmd.manage.commands import Commands
from nova.cmd.manage.deployment import Deployment
from nova.cmd.manage.printing import print_table
from nova.db.api import schema
from nova.lifecycle.operations import OPERATIONS
from nova.saga.journal import Journal
from nova.saga.store import BuildStore, CellStore

# Exit statuses.
CLEAN = 0
FOUND = 1
REPAIRED = 2
INCOMPLETE = 3
NO_SUCH_CELL = 4

# Repairs that --history lists unless told otherwise.
_SHOWN = 50


def add_commands(commands: Commands) -> None:
    """The category is one command."""
    argument = commands.alone(
        audit,
        "check the invariants of the whole deployment. Exit status: 0 all is well; 1 something is wrong; 2 something "
        "was wrong and all of it is repaired; 3 nothing was found (or left), but not everything could be looked at; "
        "4 no such cell; 255 the audit could not be done",
    )
    argument(
        "--check",
        action="append",
        choices=[str(check) for check in Check],
        metavar="NAME",
        help=f"only this one, may be repeated: {', '.join(Check)}",
    )
    argument("--cell", metavar="UUID", help="look through this cell only")
    argument("--json", action="store_true", help="print JSON instead of a table")
    argument(
        "--metrics",
        type=Path,
        metavar="FILE",
        help="write the counts there for Prometheus (textfile collector), after repairs",
    )
    argument("--repair", action="store_true", help="heal what can be healed safely")
    argument(
        "--history",
        nargs="?",
        const=_SHOWN,
        type=_count,
        metavar="N",
        help=f"look at nothing, but list the last N repairs ({_SHOWN}), the newest first",
    )
    argument(
        "--grace",
        type=_seconds,
        metavar="SECONDS",
        help="between the two looks that must agree ([audit]/grace)",
    )
    argument(
        "--idle",
        type=_seconds,
        metavar="SECONDS",
        help="after which what nobody works on counts ([audit]/idle_time)",
    )
    argument(
        "--wait",
        type=_seconds,
        default=60.0,
        metavar="SECONDS",
        help="for repairs to show at most (60)",
    )


def _count(word: str) -> int:
    number = int(word)
    if number < 1:
        raise ValueError(word)
    return number


def _seconds(word: str) -> float:
    number = float(word)
    # NaN is neither.
    if not 0 <= number < 1e9:
        raise ValueError(word)
    return number


def audit(deployment: Deployment, given: argparse.Namespace) -> int:
    """As the help says."""
    started = time.monotonic()
    schema.require(deployment.api_database(), name="API")
    if given.history is not None:
        audit_history.show(deployment, given.history, as_json=given.json)
        return CLEAN
    if given.cell:
        try:
            deployment.cell(given.cell)
        except NotFound as problem:
            print(problem)
            return NO_SUCH_CELL
    placement = load_placement(deployment.conf)
    auditor = _auditor(deployment, placement, given)
    checks = [check for check in Check if not given.check or check in given.check]
    report = found = auditor.audit(Scope(checks, given.cell))
    outcomes: Mapping[Key, Outcome] = {}
    if given.repair and report.findings:
        healed = heal(auditor, _repairer(deployment, placement), report, wait_s=given.wait)
        report, outcomes = healed.rest, healed.outcomes
    if given.metrics:
        counts = Counts.of(report, ended_at=time.time(), took_s=time.monotonic() - started)
        write(given.metrics, counts.render())
    (_print_json if given.json else _print_plain)(found, report, outcomes)
    return _status(found, report)


def _auditor(deployment: Deployment, placement: Placement, given: argparse.Namespace) -> Auditor:
    options = deployment.conf.audit
    return Auditor(
        api_database=deployment.api_database(),
        cells=deployment.cells,
        databases=deployment,
        placement=placement,
        idle_s=options.idle_time if given.idle is None else given.idle,
        grace_s=options.grace if given.grace is None else given.grace,
    )


def _repairer(deployment: Deployment, placement: Placement) -> Repairer:
    """Its hints are silent: this program is on no bus, and the sweepers of each level come by within a second."""

    @cache
    def journal_of(cell_uuid: str) -> Journal:
        database = deployment.database(deployment.cell(cell_uuid))
        return Journal(database, CellStore(), OPERATIONS, Silence())

    api_database = deployment.api_database()
    return Repairer(
        api_database=api_database,
        placement=placement,
        builds=Journal(api_database, BuildStore(), OPERATIONS, Silence()),
        journal_of=journal_of,
    )


def _status(found: Report, rest: Report) -> int:
    if rest.findings:
        return FOUND
    if not rest.is_complete:
        return INCOMPLETE
    return REPAIRED if found.findings else CLEAN


def _print_plain(found: Report, rest: Report, outcomes: Mapping[Key, Outcome]) -> None:
    left = {finding.key for finding in rest.findings}
    if found.findings:
        columns = ["Check", "Kind", "Subject", "Cell", "What is wrong", "What to do"]
        rows = [
            [each.check, each.kind, each.subject, each.cell_uuid or "-", each.text]
            for each in found.findings
        ]
        for each, row in zip(found.findings, rows, strict=True):
            row.append(_to_do(each, left, outcomes))
        print_table(columns, rows)
    print(_summary(found, rest))
    for name, why in [*rest.failures.items(), *rest.unreadable.items()]:
        print(f"could not be looked at: {name}: {why}", file=sys.stderr)


def _to_do(finding: Finding, left: set[Key], outcomes: Mapping[Key, Outcome]) -> str:
    """What was done about it when that helped, and otherwise what may be."""
    outcome = outcomes.get(finding.key)
    if outcome is None:
        return "--repair" if finding.repair else finding.advice
    if finding.key not in left:
        return f"repaired: {outcome.text}"
    return f"{outcome.text}; {finding.advice}"


def _summary(found: Report, rest: Report) -> str:
    """One line for people."""
    if not found.findings:
        line = "Nothing found."
    else:
        repaired = len(found.findings) - len(rest.findings)
        line = f"{len(found.findings)} found, {repaired} repaired."
    return line if rest.is_complete else f"{line} Not everything could be looked at."


def _print_json(found: Report, rest: Report, outcomes: Mapping[Key, Outcome]) -> None:
    left = {finding.key for finding in rest.findings}

    def shown(finding: Finding) -> dict[str, Any]:
        key = finding.key
        return {
            "check": finding.check,
            "kind": finding.kind,
            "subject": finding.subject,
            "cell": finding.cell_uuid,
            "text": finding.text,
            "advice": finding.advice,
            "is_repairable": finding.repair is not None,
            "outcome": outcomes[key].text if key in outcomes else None,
            "is_repaired": key in outcomes and key not in left,
        }

    answer = {
        "checks": list(found.scope.checks),
        "findings": [shown(finding) for finding in found.findings],
        "failed_checks": rest.failures,
        "unreadable_cells": rest.unreadable,
    }
    print(json.dumps(answer, indent=2))
