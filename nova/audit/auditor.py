"""Looks at the whole deployment, twice.

The levels have no common transaction, so a look that reads one after the other sees things on their way: a server
whose claim is made and whose row is not, a delete that has reached Placement and not yet the mapping. These are gone,
or look otherwise, a moment later. So what a first look finds counts only if a second one, ``grace_s`` later, finds
exactly the same again; checks that found nothing are not looked at twice.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from groundwork.database import Database
from nova.audit import allocations, builds, hosts, ledger, mappings, operations
from nova.audit.finding import Check, Finding, Key
from nova.audit.view import Databases, View
from nova.cells.registry import Cell
from nova.clients.placement import Placement

LOG = logging.getLogger(__name__)

LOOKS: Mapping[Check, Callable[[View], Iterator[Finding]]] = {
    Check.OPERATIONS: operations.look,
    Check.BUILDS: builds.look,
    Check.MAPPINGS: mappings.look,
    Check.LEDGER: ledger.look,
    Check.ALLOCATIONS: allocations.look,
    Check.HOSTS: hosts.look,
}


@dataclass(frozen=True, slots=True)
class Scope:
    """What to look at: which checks, and all cells or the one of that uuid."""

    checks: Sequence[Check] = tuple(Check)
    cell_uuid: str | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What is wrong. ``failures``: why a check could not be done; ``unreadable``: why a cell could not (by uuid)."""

    scope: Scope
    findings: Sequence[Finding] = ()
    failures: Mapping[Check, str] = field(default_factory=dict)
    unreadable: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_complete(self) -> bool:
        """Whether everything that was to be looked at could be."""
        return not self.failures and not self.unreadable


class Auditor:
    """Any number of them may look at the same time: they only read."""

    def __init__(
        self,
        *,
        api_database: Database,
        cells: Callable[[], Sequence[Cell]],
        databases: Databases,
        placement: Placement,
        idle_s: float,
        grace_s: float,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        """``idle_s``: after which an operation or build that nobody works on counts as given up."""
        self._api_database = api_database
        self._cells = cells
        self._databases = databases
        self._placement = placement
        self._idle_s = idle_s
        self._grace_s = grace_s
        self._sleep = sleep

    def audit(self, scope: Scope) -> Report:
        """What two looks agree on.

        :raises Exception: whatever the API database says when it cannot even tell the cells.
        """
        first = self.look(scope)
        if not first.findings:
            return first
        self._sleep(self._grace_s)
        checks = [check for check in scope.checks if any(f.check is check for f in first.findings)]
        second = self.look(Scope(checks, scope.cell_uuid))
        before: dict[Key, list[Finding]] = {}
        for finding in first.findings:
            before.setdefault(finding.key, []).append(finding)
        again = [finding for finding in second.findings if finding in before.get(finding.key, ())]
        return Report(
            scope,
            again,
            {**first.failures, **second.failures},
            {**first.unreadable, **second.unreadable},
        )

    def look(self, scope: Scope) -> Report:
        """What one look sees, things in motion included."""
        view = View(
            api_database=self._api_database,
            cells=self._cells(),
            databases=self._databases,
            placement=self._placement,
            idle_s=self._idle_s,
            only=scope.cell_uuid,
        )
        found: list[Finding] = []
        failures: dict[Check, str] = {}
        for check in scope.checks:
            try:
                found += LOOKS[check](view)
            except Exception as exc:
                # A neighbour that does not answer, a cell that went away meanwhile: the other checks can be done.
                LOG.warning("the check %s could not be done: %s", check, exc, exc_info=True)
                failures[check] = str(exc).splitlines()[0] if str(exc) else type(exc).__name__
        return Report(scope, found, failures, view.unreadable)
