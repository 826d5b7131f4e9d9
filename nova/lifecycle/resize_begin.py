"""How a resize or a cold migration begins in the server's cell."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from groundwork.columns import now
from groundwork.context import RequestContext
from groundwork.database import Transaction
from groundwork.errors import Conflict
from nova.cells.servers import Located, not_found
from nova.db.cell import server_migrations, servers
from nova.domain.flavor import Flavor
from nova.domain.migration import Migration, MigrationStatus, MigrationType, Origin
from nova.domain.request_spec import RequestSpec
from nova.domain.server import Server
from nova.lifecycle.resize import RESIZE, MovePayload
from nova.lifecycle.resize_checks import MOVABLE
from nova.lifecycle.states import TaskState, wrong_state
from nova.saga.journal import Journal


@dataclass(frozen=True, slots=True)
class MoveRequest:
    """A checked request to move a server: by which operation, and what is asked of the scheduler."""

    action: str
    spec: RequestSpec
    #: None leaves what the server has.
    auto_disk_config: bool | None = None


def begin(
    context: RequestContext, journal: Journal, located: Located, request: MoveRequest
) -> None:
    """Take the task_state, record the migration and begin the operation, all in one transaction.

    :raises Conflict: the server is busy by now, in another state, or has just been moved.
    """
    assert located.cell is not None
    cell, seen = located.cell, located.server

    def start(tx: Transaction) -> None:
        server = _take(tx, seen.uuid, request.action)
        if (server.host, server.flavor.flavorid) != (seen.host, seen.flavor.flavorid):
            raise Conflict(f"Instance {seen.uuid} has just been moved.", server=seen.uuid)
        migration = server_migrations.insert_if_absent(
            tx, _migration(server, request.action, request.spec.flavor)
        )
        assert migration.source_compute is not None
        assert migration.origin is not None
        payload = MovePayload(
            migration_uuid=migration.uuid,
            cell_uuid=cell.uuid,
            spec=request.spec,
            source=migration.source_compute,
            source_node=migration.source_node,
            origin=migration.origin,
            auto_disk_config=request.auto_disk_config,
        )
        journal.begin(tx, action=request.action, server=server, payload=payload, context=context)

    journal.database.run(start)


def _take(tx: Transaction, server_uuid: str, verb: str) -> Server:
    """The server, with its task_state ours.

    :raises Conflict: it is busy, or in another state by now; the transaction is not to be committed then.
    """
    values = {"task_state": TaskState.RESIZE_PREP, "updated_at": now(), "progress": 0}
    taken = servers.swap_task_state(tx, server_uuid, expect=(None,), values=values)
    server = servers.find(tx, server_uuid)
    if server is None:
        raise not_found(server_uuid)
    if not taken:
        raise wrong_state(server, verb, "task_state", server.task_state)
    if server.vm_state not in MOVABLE:
        raise wrong_state(server, verb, "vm_state", server.vm_state)
    return server


def _migration(server: Server, action: str, flavor: Flavor) -> Migration:
    is_resize = action == RESIZE.action
    return Migration(
        uuid=str(uuid.uuid4()),
        server_uuid=server.uuid,
        project_id=server.project_id,
        user_id=server.user_id,
        migration_type=MigrationType.RESIZE if is_resize else MigrationType.MIGRATION,
        status=MigrationStatus.PRE_MIGRATING,
        created_at=now(),
        source_compute=server.host,
        source_node=server.node,
        old_flavor_id=server.flavor.id,
        new_flavor_id=flavor.id,
        origin=Origin(server.flavor, server.vm_state, server.availability_zone),
    )
