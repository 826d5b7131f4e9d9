"""Repair a server of which the audit has found that something about it does not fit together.

    correct_allocation   CONDUCTOR  the server holds in Placement what its flavor needs on its node, and nothing else
    correct_source       CONDUCTOR  its move, which waits for an answer, holds what the server was where it came from
    settle               CONDUCTOR  nothing to do; recorded with it, the task that nobody works on is over

A repair holds no task_state: it gives way to whatever a user begins meanwhile. So each step looks whether the world
still is as the audit saw it, and leaves it alone when it is not; the next audit looks again. It only goes forward, and
it never fails for what it finds: the event says what was done, or why nothing was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from groundwork.columns import now
from groundwork.context import RequestContext
from groundwork.database import Transaction
from groundwork.errors import Conflict, Invalid
from nova.clients.placement_errors import ConcurrentUpdate
from nova.db import journal as journal_rows
from nova.db.cell import faults, server_migrations, servers
from nova.domain.server import Server
from nova.lifecycle.resize_claims import INSTANCE, MIGRATION
from nova.lifecycle.states import VmState
from nova.lifecycle.tools import CellTools
from nova.saga.journal import Journal
from nova.saga.operation import Operation, Outcome, Place, Run, State, Step

ABANDONED = "The build was abandoned: nothing in the plane works on it any more."


@dataclass(frozen=True, slots=True)
class WantedAllocation:
    """What the server shall hold while it is on this node; generation None: it was seen to hold nothing."""

    host: str | None
    node: str | None
    resources: Mapping[str, Mapping[str, int]]
    seen_generation: int | None


@dataclass(frozen=True, slots=True)
class WantedSource:
    """What the move shall hold while it waits for an answer; generation None: it was seen to hold nothing."""

    migration_uuid: str
    resources: Mapping[str, Mapping[str, int]]
    seen_generation: int | None


@dataclass(frozen=True, slots=True)
class RepairPayload:
    """What is to be repaired; None: that is in order."""

    allocation: WantedAllocation | None = None
    source: WantedSource | None = None
    #: The task_state that nobody works on is removed; a build that nobody works on has failed.
    settle: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """How the audit saw the server row; a row that has changed since is left alone."""

    uuid: str
    task_state: str | None = None
    vm_state: str | None = None
    updated_at: datetime | None = None


_GIVES_WAY = "what it put right stays right, and what it left alone needs no undo"


@dataclass(frozen=True, slots=True)
class _Holder:
    """Who is to hold it, and at which node people look for room."""

    uuid: str
    consumer_type: str
    node: str | None


def _correct_allocation(run: Run) -> Outcome:
    server, wanted = run.server, run.payload.allocation
    if (server.host, server.node) != (wanted.host, wanted.node):
        return Outcome(details="left alone: the server has moved meanwhile")
    return _hold(run, _Holder(server.uuid, INSTANCE, server.node), wanted)


def _correct_source(run: Run) -> Outcome:
    tools: CellTools = run.tools
    wanted = run.payload.source
    with tools.database.read() as tx:
        move = server_migrations.awaiting_answer(tx, run.server.uuid)
    if move is None or move.uuid != wanted.migration_uuid:
        return Outcome(details="left alone: the move has been answered meanwhile")
    return _hold(run, _Holder(move.uuid, MIGRATION, move.source_node), wanted)


def _hold(run: Run, holder: _Holder, wanted: WantedAllocation | WantedSource) -> Outcome:
    """Replace what it holds, unless something has changed; run twice, the second run finds it done."""
    tools: CellTools = run.tools
    placement = tools.placement.acting_for(run.context)
    held = placement.allocation(holder.uuid)
    if (held.resources if held else {}) == wanted.resources:
        return Outcome(details="the allocation is as it should be")
    if (held.consumer_generation if held else None) != wanted.seen_generation:
        return Outcome(details="left alone: the allocation has changed meanwhile")
    try:
        if held is not None and not wanted.resources:
            placement.delete_allocation(holder.uuid, expected=held)
        else:
            placement.claim(
                holder.uuid,
                wanted.resources,
                project_id=run.server.project_id,
                user_id=run.server.user_id,
                consumer_generation=wanted.seen_generation,
                consumer_type=holder.consumer_type,
            )
    except ConcurrentUpdate:
        return Outcome(details="left alone: the allocation has changed meanwhile")
    except Conflict:
        return Outcome(details=f"left alone: {holder.node} has no room for what the server uses")
    except Invalid:
        return Outcome(details="left alone: Placement has no such provider or class any more")
    return Outcome(details="the allocation was corrected")


def _nothing(run: Run) -> Outcome:
    return Outcome(details="nobody works on the task any more")


def _settled(server: Server, payload: RepairPayload) -> Mapping[str, Any]:
    if not payload.settle:
        return {}
    is_build = server.vm_state == VmState.BUILDING
    return {"task_state": None, **({"vm_state": VmState.ERROR} if is_build else {})}


def _as_it_was(_server: Server, _payload: RepairPayload) -> Mapping[str, Any]:
    return {}


REPAIR = Operation(
    "repair",
    payload=RepairPayload,
    steps=(
        Step(
            "correct_allocation",
            Place.CONDUCTOR,
            run=_correct_allocation,
            no_undo_because=_GIVES_WAY,
            needed=lambda _server, payload: payload.allocation is not None,
        ),
        Step(
            "correct_source",
            Place.CONDUCTOR,
            run=_correct_source,
            no_undo_because=_GIVES_WAY,
            needed=lambda _server, payload: payload.source is not None,
        ),
        Step(
            "settle",
            Place.CONDUCTOR,
            run=_nothing,
            no_undo_because=_GIVES_WAY,
            needed=lambda _server, payload: payload.settle,
        ),
    ),
    on_success=_settled,
    on_failure=_as_it_was,
    forward_only=True,
)


def begin(
    journal: Journal, seen: Seen, payload: RepairPayload, context: RequestContext
) -> int | None:
    """Start to repair a server; the operation, or None when it is not as it was seen, or somebody works on it.

    1. The audit sees an idle server. 2. A user begins to do something with it. 3. The repair would interrupt that.
    So the row is locked first: what began before is seen here, and what begins later finds the repair and stops it.
    """

    def start(tx: Transaction) -> int | None:
        is_idle = servers.swap_task_state(
            tx, seen.uuid, expect=(seen.task_state,), values={"task_state": seen.task_state}
        )
        if not is_idle or journal_rows.alive_on_server(tx, journal.store.tables, seen.uuid):
            return None
        present = servers.find(tx, seen.uuid)
        if present is None:
            return None
        if payload.settle:
            if (present.vm_state, present.updated_at) != (seen.vm_state, seen.updated_at):
                return None
            if present.vm_state == VmState.BUILDING:
                fault = faults.Fault(
                    code=500, message=ABANDONED, details="", created_at=now(), host=present.host
                )
                faults.add(tx, seen.uuid, fault)
        return journal.begin(
            tx, action=REPAIR.action, server=present, payload=payload, context=context
        )

    operation_id = journal.database.run(start)
    if operation_id is not None:
        # Due at once: whoever begins a repair may have no bus to hint on.
        journal.nudge(operation_id)
    return operation_id


def record(journal: Journal, server_uuid: str, details: str, context: RequestContext) -> None:
    """Tell in the server's journal what was put right above its cell, where the cell cannot do it itself."""

    def write(tx: Transaction) -> None:
        ended = {"start_time": now(), "finish_time": now()}
        operation_id = journal_rows.insert(
            tx,
            journal.store.tables,
            {
                **ended,
                "action": REPAIR.action,
                "instance_uuid": server_uuid,
                "request_id": context.request_id,
                "user_id": context.user_id,
                "project_id": context.project_id,
                "updated_at": now(),
                "state": State.DONE,
                "attempts": 0,
                "cancel_requested": False,
            },
        )
        event = {
            **ended,
            "action_id": operation_id,
            "event": "conductor_correct_mapping",
            "result": "Success",
            "details": details,
        }
        journal_rows.begin_event(tx, journal.store.tables, event)

    journal.database.run(write)
