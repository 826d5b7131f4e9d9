"""What tests read of the plane, wherever it is written."""

from __future__ import annotations

import msgspec
import sqlalchemy as sa

from nova.db.api import instance_mappings
from nova.db.api.instance_mappings import Usage
from nova.db.cell import models as cell_models
from nova.db.cell import server_migrations
from nova.db.cell.server_migrations import MigrationQuery
from nova.domain.hardware import Pins
from nova.domain.migration import IN_PROGRESS, Migration, MigrationStatus
from nova.domain.server import Server
from tests.harness.databases import CELL1, CELL2
from tests.harness.world import World


def guests(world: World) -> dict[str, str]:
    """The host of each guest; a guest on two hosts is a failure."""
    found: dict[str, str] = {}
    for host, (_, hypervisor) in world.hosts.items():
        for uuid in hypervisor.found:
            assert uuid not in found, f"guest {uuid} is on {found[uuid]} and on {host}"
            found[uuid] = host
    return found


def pins(world: World) -> dict[str, tuple[str, Pins]]:
    """The host on which each server holds something by number, and what; on two is a failure."""
    found: dict[str, tuple[str, Pins]] = {}
    for cell in world.registry.all():
        with world.targets.database(cell).read() as tx:
            for row in tx.execute(sa.select(cell_models.hardware_pins)):
                assert row.instance_uuid not in found, "a server holds something twice"
                found[row.instance_uuid] = (row.host, msgspec.convert(row.pins, Pins))
    return found


def waiting_moves(world: World) -> list[Migration]:
    """The moves that wait to be confirmed or reverted; none is in between when nothing is under way."""
    found: list[Migration] = []
    for uuid in (CELL1, CELL2):
        with world.journals[uuid].database.read() as tx:
            for move in server_migrations.page(tx, MigrationQuery()):
                if move.status in IN_PROGRESS:
                    assert move.status is MigrationStatus.FINISHED
                    found.append(move)
    return found


def counted(world: World) -> Usage:
    """What the project's servers count for, once the plane has settled what they are."""
    world.settling.settle()
    with world.api.read() as tx:
        return instance_mappings.usage(tx, "p")


def actions(world: World, server: Server) -> list[tuple[str, str | None]]:
    """The server's operations in its cell, oldest first: (action, message)."""
    cell = world.servers.find(server.uuid, with_deleted=True).cell
    assert cell is not None
    table = cell_models.instance_actions
    with world.targets.database(cell).read() as tx:
        rows = tx.execute(
            sa.select(table.c.action, table.c.message)
            .where(table.c.instance_uuid == server.uuid)
            .order_by(table.c.id)
        )
        return [(row.action, row.message) for row in rows]


def events(world: World, server: Server) -> list[tuple[str, str | None]]:
    """The events of the server's operations in its cell, oldest first: (event, result)."""
    located = world.servers.find(server.uuid, with_deleted=True)
    assert located.cell is not None
    of, table = cell_models.instance_actions, cell_models.instance_actions_events
    with world.targets.database(located.cell).read() as tx:
        return [
            (row.event, row.result)
            for row in tx.execute(
                sa.select(table.c.event, table.c.result)
                .join(of, of.c.id == table.c.action_id)
                .where(of.c.instance_uuid == server.uuid)
                .order_by(table.c.id)
            )
        ]
