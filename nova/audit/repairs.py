"""Heals what was found twice, by the means that the plane has anyway.

Each repair is guarded by what was seen (the consumer's generation, the whole mapping, the row's state), so it may run
twice, run beside another audit, and come too late: then it leaves the thing alone, and the next look decides anew.

All are journalled in the API database: before, with everything that is to be changed, and afterwards, with what came of
it. What concerns a living server is told in its own journal too, as the action ``repair`` of the same request id.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec
from oslo_db.exception import DBDuplicateEntry, DBError

from groundwork.context import RequestContext
from groundwork.database import Database, Transaction
from groundwork.errors import Conflict, NotFound, Problem
from nova.audit.finding import (
    AddMapping,
    CorrectAllocation,
    CorrectMapping,
    DeleteAllocation,
    EndRecord,
    Finding,
    ForgetHost,
    ForgetMapping,
    Nudge,
    Repair,
    SettleServer,
)
from nova.cells import mappings
from nova.clients.placement import Placement
from nova.db import journal as rows
from nova.db.api import builds, census, repairs
from nova.lifecycle import repair
from nova.lifecycle.repair import RepairPayload, Seen, WantedAllocation, WantedSource
from nova.saga.journal import Journal
from nova.saga.operation import Place, State
from nova.saga.sweeper import free_orphans

LOG = logging.getLogger(__name__)

LEFT_ALONE = "left alone: it has changed meanwhile"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was done or begun, in words; and the operation that goes on with it in a cell, where there is one."""

    text: str
    cell_uuid: str | None = None
    operation_id: int | None = None


class Silence:
    """Hints for those who may reach no bus: the operations are due, so the sweepers of their level find them."""

    def hint(self, place: Place, host: str | None, operation_id: int) -> None:
        """Nothing to do."""


class Repairer:
    """Heals one finding at a time."""

    def __init__(
        self,
        *,
        api_database: Database,
        placement: Placement,
        builds: Journal,
        journal_of: Callable[[str], Journal],
    ) -> None:
        """``journal_of``: the journal of the cell of a uuid; ``builds``: the one above the cells."""
        self._api_database = api_database
        self._placement = placement
        self._builds = builds
        self._journal_of = journal_of

    def heal(self, finding: Finding) -> Outcome:
        """Do, or begin, what the finding asks for. Whether it helped is for the next look to say."""
        if finding.repair is None:
            return Outcome("not repaired: it needs an operator")
        outcome = self._journalled(finding, finding.repair, RequestContext.admin())
        LOG.info("audit: %s of %s: %s", finding.kind, finding.subject, outcome.text)
        return outcome

    def _journalled(self, finding: Finding, wanted: Repair, context: RequestContext) -> Outcome:
        try:
            record_id = self._api_database.run(
                lambda tx: repairs.begin(
                    tx,
                    request_id=context.request_id,
                    check=finding.check,
                    kind=finding.kind,
                    subject=finding.subject,
                    cell_uuid=finding.cell_uuid,
                    repair={"repair": type(wanted).__name__, **msgspec.to_builtins(wanted)},
                )
            )
        except DBError as exc:
            # What cannot be written down is not done.
            return _failed(finding, exc)
        try:
            outcome = self._heal(wanted, context)
        except (Problem, DBError) as exc:
            # The next finding may well be cured though this one is not.
            outcome = _failed(finding, exc)
        try:
            self._api_database.run(lambda tx: repairs.end(tx, record_id, outcome.text))
        except DBError as exc:
            LOG.warning("how repair %s ended cannot be written down: %s", record_id, exc)
        return outcome

    def is_under_way(self, outcome: Outcome) -> bool:
        """Whether what was begun has not ended yet."""
        if outcome.cell_uuid is None or outcome.operation_id is None:
            return False
        journal = self._journal_of(outcome.cell_uuid)
        with journal.database.read() as tx:
            row = rows.find(tx, journal.store.tables, outcome.operation_id)
        return row is not None and State(row.state).is_alive

    def _heal(self, wanted: Repair, context: RequestContext) -> Outcome:
        match wanted:
            case CorrectAllocation():
                return self._correct_allocation(wanted, context)
            case SettleServer():
                return self._settle(wanted, context)
            case DeleteAllocation(seen):
                text = self._delete_allocation(seen.consumer, wanted)
            case CorrectMapping():
                text = self._correct_mapping(wanted, context)
            case AddMapping():
                text = self._add_mapping(wanted, context)
            case ForgetMapping():
                text = self._forget_mapping(wanted)
            case Nudge():
                text = self._nudge(wanted)
            case ForgetHost():
                text = self._forget_host(wanted)
            case EndRecord():
                text = self._end_record(wanted)
        return Outcome(text)

    def _correct_allocation(self, wanted: CorrectAllocation, context: RequestContext) -> Outcome:
        resources, generation = wanted.wanted, wanted.seen_generation
        if wanted.migration_uuid is None:
            allocation = WantedAllocation(wanted.host, wanted.node, resources, generation)
            payload = RepairPayload(allocation=allocation)
        else:
            source = WantedSource(wanted.migration_uuid, resources, generation)
            payload = RepairPayload(source=source)
        return self._begin(wanted.cell_uuid, Seen(wanted.server_uuid), payload, context)

    def _settle(self, wanted: SettleServer, context: RequestContext) -> Outcome:
        seen = Seen(wanted.server_uuid, wanted.task_state, wanted.vm_state, wanted.updated_at)
        return self._begin(wanted.cell_uuid, seen, RepairPayload(settle=True), context)

    def _begin(
        self, cell_uuid: str, seen: Seen, payload: RepairPayload, context: RequestContext
    ) -> Outcome:
        journal = self._journal_of(cell_uuid)
        operation_id = repair.begin(journal, seen, payload, context)
        if operation_id is None:
            return Outcome(LEFT_ALONE)
        return Outcome(f"operation {operation_id} was begun", cell_uuid, operation_id)

    def _delete_allocation(self, consumer: str, wanted: DeleteAllocation) -> str:
        """A claim that somebody made since has another generation, so it is never taken away."""
        try:
            self._placement.delete_allocation(consumer, expected=wanted.seen)
        except Conflict:
            return LEFT_ALONE
        return "its allocation was deleted"

    def _correct_mapping(self, wanted: CorrectMapping, context: RequestContext) -> str:
        if not self._api_database.run(lambda tx: census.correct(tx, wanted.seen, wanted.values)):
            return LEFT_ALONE
        said = ", ".join(_said(name, value) for name, value in wanted.values.items())
        told = f"the mapping says now: {said}"
        self._tell(wanted.cell_uuid, wanted.seen.instance_uuid, told, context)
        return f"its mapping was set to {said}"

    def _add_mapping(self, wanted: AddMapping, context: RequestContext) -> str:
        try:
            added = self._api_database.run(lambda tx: census.add_missing(tx, wanted.values))
        except DBDuplicateEntry:
            added = False
        if not added:
            return LEFT_ALONE
        uuid = wanted.values["instance_uuid"]
        self._tell(wanted.cell_uuid, uuid, "the mapping was missing", context)
        return "it was mapped to its cell"

    def _tell(
        self, cell_uuid: str | None, server_uuid: str, details: str, context: RequestContext
    ) -> None:
        if cell_uuid is not None:
            repair.record(self._journal_of(cell_uuid), server_uuid, details, context)

    def _forget_mapping(self, wanted: ForgetMapping) -> str:
        uuid = wanted.seen.instance_uuid

        def work(tx: Transaction) -> bool:
            if not census.is_as_seen(tx, wanted.seen) or census.being_built(tx, [uuid]):
                return False
            builds.forget(tx, uuid)
            return True

        return "it was forgotten" if self._api_database.run(work) else LEFT_ALONE

    def _nudge(self, wanted: Nudge) -> str:
        journal = self._builds if wanted.cell_uuid is None else self._journal_of(wanted.cell_uuid)
        if wanted.owner is not None and wanted.incarnation is not None:
            free_orphans(journal, wanted.owner, wanted.incarnation)
        if not journal.nudge(wanted.operation_id):
            return LEFT_ALONE
        return f"operation {wanted.operation_id} is free and due"

    def _forget_host(self, wanted: ForgetHost) -> str:
        database = self._journal_of(wanted.cell_uuid).database
        try:
            mappings.delete_host(
                self._api_database, wanted.cell_uuid, wanted.host, cell_database=database
            )
        except (Conflict, NotFound) as problem:
            return f"left alone: {problem}"
        return "its mapping was deleted"

    def _end_record(self, wanted: EndRecord) -> str:
        text = "interrupted: what was wrong still was found anew by a later audit"
        if not self._api_database.run(lambda tx: repairs.end(tx, wanted.record_id, text)):
            return LEFT_ALONE
        return "it was written down that nobody knows"


def _failed(finding: Finding, exc: Exception) -> Outcome:
    LOG.warning("%s of %s is not repaired: %s", finding.kind, finding.subject, exc)
    return Outcome(f"not repaired: {exc}".splitlines()[0])


def _said(name: str, value: object) -> str:
    if isinstance(value, Mapping):
        value = " ".join(f"{key}:{amount}" for key, amount in value.items())
    return f"{name} {value}"
