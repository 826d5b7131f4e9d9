"""Revert a resize or a cold migration: the server is again what and where it was.

    hold_source  CONDUCTOR    the migration holds the source still, or again when that was lost; without room there
                              the revert fails, and the server waits for an answer as before
    discard      DESTINATION  the guest that arrived there is gone; left out when the host is down (it removes guests
                              that the cell does not place on it when it comes back)
    move_back    CONDUCTOR    the server holds its source again instead of the destination, in one write to Placement
                              (``resize_claims.py``), and its row says so
    restore      HOST         the guest that was kept aside is the guest, and runs if it ran before; waits for a host
                              that is down, as the guest is nowhere else
    settle       CONDUCTOR    the migration is reverted

From ``discard`` on it only goes forward: half-way back there is no guest at the destination that it could return to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from groundwork.errors import Invalid, NotFound
from nova.clients.placement_errors import NoRoom
from nova.db.cell import compute_nodes, server_migrations
from nova.domain.migration import IN_PROGRESS, Migration, MigrationStatus, Origin
from nova.domain.server import Server
from nova.lifecycle.resize import as_it_was
from nova.lifecycle.resize_answer import Answer
from nova.lifecycle.resize_claims import hold_source_again, put_back
from nova.lifecycle.states import TaskState, VmState
from nova.lifecycle.tools import CellTools, HostTools
from nova.saga.operation import AtDownHost, Operation, Outcome, Place, Run, Step
from nova.virt.driver import ColdMoves
from nova.virt.guest import PowerState


@dataclass(frozen=True, slots=True)
class RevertPayload:
    """Which move is reverted, between which hosts, and what the server was before."""

    migration_uuid: str
    source: str
    source_node: str | None
    destination: str
    origin: Origin
    #: The source has no room any more, so the server stays where it is.
    is_refused: bool = False


_NEVER_BACK = "a revert is never taken back"


def _hold_source(run: Run) -> Outcome:
    """:raises NoRoom: nothing is held, and nothing can be."""
    tools: CellTools = run.tools
    payload: RevertPayload = run.payload
    with tools.database.read() as tx:
        nodes = compute_nodes.list_on_host(tx, payload.source)
    node_uuid = next((n.uuid for n in nodes if n.hypervisor_hostname == payload.source_node), None)
    try:
        is_new = hold_source_again(
            tools.placement.acting_for(run.context),
            run.server,
            payload.origin,
            migration_uuid=payload.migration_uuid,
            node_uuid=node_uuid,
        )
    except (NoRoom, NotFound, Invalid) as problem:
        raise NoRoom(
            f"Host {payload.source} has no room any more for what the server was there.",
            internal=f"{problem} {problem.internal or ''}",
        ) from problem
    return Outcome(details="what had been lost was claimed anew" if is_new else None)


def _stay(run: Run) -> Outcome:
    """The move waits for an answer again."""
    tools: CellTools = run.tools
    payload: RevertPayload = run.payload
    tools.database.run(
        lambda tx: server_migrations.swap_status(
            tx,
            payload.migration_uuid,
            MigrationStatus.FINISHED,
            expect=(MigrationStatus.REVERTING,),
        )
    )
    return Outcome(payload=replace(payload, is_refused=True))


def _discard(run: Run) -> None:
    tools: HostTools = run.tools
    if isinstance(tools.driver, ColdMoves):
        tools.driver.discard_arrival(run.server.uuid)


def _move_back(run: Run) -> Outcome:
    tools: CellTools = run.tools
    payload: RevertPayload = run.payload
    placement = tools.placement.acting_for(run.context)
    put_back(placement, run.server.uuid, payload.migration_uuid)
    return Outcome(
        server=as_it_was(payload.source, payload.source_node, payload.origin),
        details=f"back to {payload.source}",
    )


def _restore(run: Run) -> Outcome:
    tools: HostTools = run.tools
    if isinstance(tools.driver, ColdMoves):
        tools.driver.restore(run.server.uuid, running=run.payload.origin.vm_state == VmState.ACTIVE)
    state = tools.driver.guest(run.server.uuid)
    return Outcome(server={"power_state": int(state.power_state if state else PowerState.NOSTATE)})


def _settle(run: Run) -> None:
    tools: CellTools = run.tools
    tools.database.run(
        lambda tx: server_migrations.swap_status(
            tx, run.payload.migration_uuid, MigrationStatus.REVERTED, expect=IN_PROGRESS
        )
    )


def _reverted(_server: Server, payload: RevertPayload) -> Mapping[str, Any]:
    return {"vm_state": payload.origin.vm_state, "task_state": None}


def _not_reverted(_server: Server, payload: RevertPayload) -> Mapping[str, Any]:
    vm_state = VmState.RESIZED if payload.is_refused else VmState.ERROR
    return {"vm_state": vm_state, "task_state": None}


REVERT_RESIZE = Operation(
    "revertResize",
    payload=RevertPayload,
    steps=(
        Step("hold_source", Place.CONDUCTOR, run=_hold_source, undo=_stay, gives_up_on=(NoRoom,)),
        Step(
            "discard",
            Place.DESTINATION,
            run=_discard,
            no_undo_because=_NEVER_BACK,
            at_down_host=AtDownHost.SKIP,
        ),
        Step("move_back", Place.CONDUCTOR, run=_move_back, no_undo_because=_NEVER_BACK),
        Step(
            "restore",
            Place.HOST,
            run=_restore,
            no_undo_because=_NEVER_BACK,
            at_down_host=AtDownHost.WAIT,
        ),
        Step("settle", Place.CONDUCTOR, run=_settle, no_undo_because=_NEVER_BACK),
    ),
    on_success=_reverted,
    on_failure=_not_reverted,
    forward_only=True,
)


def _payload(migration: Migration) -> RevertPayload:
    assert migration.origin is not None
    assert migration.source_compute is not None
    assert migration.dest_compute is not None
    return RevertPayload(
        migration.uuid,
        migration.source_compute,
        migration.source_node,
        migration.dest_compute,
        migration.origin,
    )


REVERT = Answer(
    REVERT_RESIZE.action,
    TaskState.RESIZE_REVERTING,
    MigrationStatus.REVERTING,
    payload_of=_payload,
    needs_source=True,
)
