"""Delete a server.

Permitted in every state, and it interrupts whatever runs: the other operation ends after its present step, and this
one removes everything by the server's uuid.

    destroy_guest     HOST         the guest is gone; left out when there is no host or it is down (the host removes
                                   guests that the cell does not place on it when it comes back)
    destroy_other     DESTINATION  the same at the other host of a move that has not ended
    release_volumes   CONDUCTOR    its volumes are free, and those that were to go along are deleted
    release_claim     CONDUCTOR    the allocations are gone, those of its moves too, and the moves have ended; then only
                                   the record of the server is left

It only goes forward: a step that fails is tried again until it succeeds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from groundwork.columns import now
from groundwork.context import RequestContext
from groundwork.database import Database, Transaction
from nova.db import journal as journal_rows
from nova.db.cell import server_migrations, servers
from nova.domain.migration import IN_PROGRESS, MigrationStatus
from nova.domain.server import Server
from nova.lifecycle import volumes
from nova.lifecycle.states import TaskState, VmState
from nova.lifecycle.tools import CellTools, HostTools
from nova.saga.journal import Journal
from nova.saga.operation import AtDownHost, Operation, Outcome, Place, Run, State, Step


@dataclass(frozen=True, slots=True)
class DeletePayload:
    """What is known of the server's moves that have not ended, beside the server itself."""

    #: The host at which there may be another guest of it.
    destination: str | None = None
    #: Uuids of migrations: they hold something in Placement.
    migrations: tuple[str, ...] = ()


_NEVER_BACK = "a delete is never taken back"


def _has_host(server: Server, _payload: DeletePayload) -> bool:
    return server.host is not None


def _has_other_host(_server: Server, payload: DeletePayload) -> bool:
    return payload.destination is not None


def _destroy_guest(run: Run) -> Outcome:
    tools: HostTools = run.tools
    tools.driver.destroy(run.server.uuid)
    return Outcome(server={"power_state": 0})


def _release_volumes(run: Run) -> None:
    volumes.release(run.tools, run.server)
    volumes.delete_those_that_go_along(run.tools, run.server)


def _release_claim(run: Run) -> None:
    tools: CellTools = run.tools
    placement = tools.placement.acting_for(run.context)
    for consumer in (run.server.uuid, *run.payload.migrations):
        placement.delete_allocation(consumer)
    tools.database.run(lambda tx: _end_moves(tx, run.payload.migrations))


def _end_moves(tx: Transaction, uuids: Iterable[str]) -> None:
    """A server that waited for an answer stays where it is, so its move counts as confirmed."""
    for uuid in uuids:
        waiting = {MigrationStatus.FINISHED, MigrationStatus.CONFIRMING}
        server_migrations.swap_status(tx, uuid, MigrationStatus.CONFIRMED, expect=waiting)
        server_migrations.swap_status(tx, uuid, MigrationStatus.ERROR, expect=IN_PROGRESS)


def _gone(_server: Server, _payload: DeletePayload) -> Mapping[str, Any]:
    return {"deleted": True}


def _stuck(_server: Server, _payload: DeletePayload) -> Mapping[str, Any]:
    return {"vm_state": VmState.ERROR, "task_state": None}


DELETE = Operation(
    "delete",
    payload=DeletePayload,
    steps=(
        Step(
            "destroy_guest",
            Place.HOST,
            run=_destroy_guest,
            no_undo_because=_NEVER_BACK,
            needed=_has_host,
            at_down_host=AtDownHost.SKIP,
        ),
        Step(
            "destroy_other",
            Place.DESTINATION,
            run=_destroy_guest,
            no_undo_because=_NEVER_BACK,
            needed=_has_other_host,
            at_down_host=AtDownHost.SKIP,
        ),
        Step(
            "release_volumes",
            Place.CONDUCTOR,
            run=_release_volumes,
            no_undo_because=_NEVER_BACK,
            needed=volumes.has_volumes,
        ),
        Step("release_claim", Place.CONDUCTOR, run=_release_claim, no_undo_because=_NEVER_BACK),
    ),
    on_success=_gone,
    on_failure=_stuck,
    forward_only=True,
)


def begin(journal: Journal, server: Server, context: RequestContext) -> None:
    """Start deleting a server that lives in a cell; nothing happens when that is under way already."""

    def start(tx: Transaction) -> None:
        alive = journal_rows.alive_on_server(tx, journal.store.tables, server.uuid)
        if any(row.action == DELETE.action for row in alive):
            return
        present = servers.find(tx, server.uuid)
        if present is None:
            return
        servers.update(
            tx, server.uuid, {"task_state": TaskState.DELETING, "updated_at": now(), "progress": 0}
        )
        journal.begin(
            tx, action=DELETE.action, server=present, payload=_payload(tx, present), context=context
        )

    journal.database.run(start)


def _payload(tx: Transaction, server: Server) -> DeletePayload:
    """Read with the delete's own mark on the server: no move begins any more.

    A move that somebody is at work on may still switch the server's host before it stops, but only between these two.
    """
    moves = server_migrations.in_progress(tx, server.uuid)
    hosts = {host for move in moves for host in (move.source_compute, move.dest_compute) if host}
    others = sorted(hosts - {server.host})
    return DeletePayload(
        destination=others[0] if others else None, migrations=tuple(move.uuid for move in moves)
    )


def delete_buried(cell0: Database, server: Server, context: RequestContext) -> None:
    """Delete a server in cell0: there is no guest, no claim and nobody to ask, so it is done at once."""

    def forget(tx: Transaction) -> None:
        if not servers.mark_deleted(tx, server.uuid, now=now()):
            return
        journal_rows.insert(
            tx,
            journal_rows.CELL,
            {
                "action": DELETE.action,
                "instance_uuid": server.uuid,
                "request_id": context.request_id,
                "user_id": context.user_id,
                "project_id": context.project_id,
                "start_time": now(),
                "finish_time": now(),
                "updated_at": now(),
                "state": State.DONE,
                "attempts": 0,
                "cancel_requested": False,
            },
        )

    cell0.run(forget)
