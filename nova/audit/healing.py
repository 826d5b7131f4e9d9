"""Repairs what an audit found, and looks whether it helped."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from nova.audit.auditor import Auditor, Report, Scope
from nova.audit.finding import Check, Finding, Key, Nudge
from nova.audit.repairs import Outcome, Repairer

# Seconds between two looks at what is being repaired: operations take that long to be picked up.
_AGAIN_S = 1.0


@dataclass(frozen=True, slots=True)
class Healed:
    """``rest``: what is wrong still, in its first words. ``outcomes``: what was done about each finding, by its key."""

    rest: Report
    outcomes: Mapping[Key, Outcome]


def heal(
    auditor: Auditor,
    repairer: Repairer,
    report: Report,
    *,
    wait_s: float,
    sleep: Callable[[float], object] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Healed:
    """Repair every finding in the order of the checks, then look until nothing of it is left or ``wait_s`` is over.

    What is not seen any more is not therefore healed: a server under repair is in motion, so its operation has to end
    first; and a check that fails now sees nothing.
    """
    findings = sorted(report.findings, key=lambda each: list(Check).index(each.check))
    outcomes = {finding.key: repairer.heal(finding) for finding in findings}
    checks = [check for check in report.scope.checks if any(f.check is check for f in findings)]
    scope = Scope(checks, report.scope.cell_uuid)
    deadline = clock() + wait_s
    while True:
        # Before the look: an operation that ends during it is seen by the next one.
        under_way = {key for key, outcome in outcomes.items() if repairer.is_under_way(outcome)}
        seen = auditor.look(scope)
        # Something is still wrong with the thing; what exactly may differ.
        there = {(finding.check, finding.subject) for finding in seen.findings}
        rest = [
            finding
            for finding in findings
            if finding.key in under_way
            or (finding.check, finding.subject) in there
            or _is_unknown(finding, seen, before=report)
        ]
        # Freed operations are taken up soon; everything else is done by now, or needs an operator.
        is_soon = any(isinstance(finding.repair, Nudge) for finding in rest)
        if not (under_way or is_soon) or clock() >= deadline:
            after = replace(
                report,
                findings=rest,
                failures={**report.failures, **seen.failures},
                unreadable={**report.unreadable, **seen.unreadable},
            )
            return Healed(after, outcomes)
        sleep(_AGAIN_S)


def _is_unknown(finding: Finding, seen: Report, *, before: Report) -> bool:
    """Whether nobody can tell any more what became of it."""
    gone = seen.unreadable.keys() - before.unreadable.keys()
    return finding.check in seen.failures or (
        bool(gone) and (finding.cell_uuid is None or finding.cell_uuid in gone)
    )
