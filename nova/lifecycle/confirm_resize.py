"""Confirm a resize or a cold migration: the server stays where it is, and its old host lets go of it.

    forget_origin  DESTINATION  what was kept aside on the old host is gone; left out when that is down (it removes
                                guests that the cell does not place on it when it comes back)
    free_source    CONDUCTOR    what the migration held in Placement is free, the migration is confirmed

It only goes forward. The server's own allocation is the one at the destination already.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nova.db.cell import server_migrations
from nova.domain.migration import IN_PROGRESS, Migration, MigrationStatus
from nova.domain.server import Server
from nova.lifecycle.resize_answer import Answer
from nova.lifecycle.states import TaskState, VmState
from nova.lifecycle.tools import CellTools, HostTools
from nova.saga.operation import AtDownHost, Operation, Outcome, Place, Run, Step
from nova.virt.driver import ColdMoves


@dataclass(frozen=True, slots=True)
class ConfirmPayload:
    """Which move is confirmed, and what the server is afterwards."""

    migration_uuid: str
    #: The other host of the move, as this operation sees it: the one that the server has left.
    destination: str
    vm_state: str


_NEVER_BACK = "a confirmation is never taken back"


def _forget_origin(run: Run) -> None:
    tools: HostTools = run.tools
    if isinstance(tools.driver, ColdMoves):
        tools.driver.forget_origin(run.server.uuid)


def _free_source(run: Run) -> Outcome:
    tools: CellTools = run.tools
    migration_uuid = run.payload.migration_uuid
    tools.placement.acting_for(run.context).delete_allocation(migration_uuid)
    tools.database.run(
        lambda tx: server_migrations.swap_status(
            tx, migration_uuid, MigrationStatus.CONFIRMED, expect=IN_PROGRESS
        )
    )
    return Outcome(details=f"host {run.payload.destination} is free of it")


def _confirmed(_server: Server, payload: ConfirmPayload) -> Mapping[str, Any]:
    return {"vm_state": payload.vm_state, "task_state": None}


def _stuck(_server: Server, _payload: ConfirmPayload) -> Mapping[str, Any]:
    return {"vm_state": VmState.ERROR, "task_state": None}


CONFIRM_RESIZE = Operation(
    "confirmResize",
    payload=ConfirmPayload,
    steps=(
        Step(
            "forget_origin",
            Place.DESTINATION,
            run=_forget_origin,
            no_undo_because=_NEVER_BACK,
            at_down_host=AtDownHost.SKIP,
        ),
        Step("free_source", Place.CONDUCTOR, run=_free_source, no_undo_because=_NEVER_BACK),
    ),
    on_success=_confirmed,
    on_failure=_stuck,
    forward_only=True,
)


def _payload(migration: Migration) -> ConfirmPayload:
    assert migration.origin is not None
    assert migration.source_compute is not None
    return ConfirmPayload(migration.uuid, migration.source_compute, migration.origin.vm_state)


CONFIRM = Answer(
    CONFIRM_RESIZE.action,
    TaskState.RESIZE_CONFIRMING,
    MigrationStatus.CONFIRMING,
    payload_of=_payload,
)
