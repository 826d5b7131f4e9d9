"""Builds that found no host: cell0 keeps them in ERROR with the reason, until the user deletes them."""

from __future__ import annotations

from msgspec.structs import replace

from groundwork.columns import now
from groundwork.database import Transaction
from nova.db import journal as rows
from nova.db.api import builds
from nova.db.cell import faults, servers
from nova.lifecycle import delete, volumes
from nova.lifecycle.hand_over import copy_events, events_so_far
from nova.lifecycle.states import VmState
from nova.lifecycle.tools import SuperTools
from nova.saga.operation import Failure, Run, State


def bury(run: Run, failure: Failure) -> None:
    """Move the build to cell0 with its fault; the order of writes is that of a hand-over, and as repeatable."""
    tools: SuperTools = run.tools
    cell0 = tools.registry.cell0()
    database = tools.targets.database(cell0)
    server = replace(run.server, vm_state=VmState.ERROR, task_state=None)
    events = events_so_far(run)

    def place(tx: Transaction) -> None:
        if not servers.insert_if_absent(tx, server):
            return
        faults.add(
            tx,
            server.uuid,
            faults.Fault(code=500, message=failure.text, details=failure.details, created_at=now()),
        )
        operation_id = rows.insert(
            tx,
            rows.CELL,
            {
                "action": "create",
                "instance_uuid": server.uuid,
                "request_id": run.context.request_id,
                "user_id": run.context.user_id,
                "project_id": run.context.project_id,
                "start_time": server.created_at,
                "finish_time": now(),
                "updated_at": now(),
                "message": "Error",
                "state": State.FAILED,
                "attempts": 0,
                "cancel_requested": False,
            },
        )
        copy_events(tx, operation_id, events)

    database.run(place)
    wanted = tools.api_database.run(lambda tx: builds.hand_over(tx, server.uuid, cell0.id))
    if not wanted:
        volumes.delete_those_that_go_along(tools, server)
        delete.delete_buried(database, server, run.context)
