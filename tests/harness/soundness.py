"""What holds in the plane whenever nothing is under way."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa

from nova.db.api import models as api_models
from nova.db.cell import models as cell_models
from nova.domain.hardware import Pins
from tests.harness import readings
from tests.harness.databases import CELL1, CELL2
from tests.harness.world import World


def assert_sound(world: World) -> None:
    """The invariants that hold whenever nothing is under way.

    Guests, claims and servers with a host are the same set; nothing is left of builds; every mapping leads to a
    row; a deleted or buried server holds nothing. Volumes are let into the host of their server and no other.
    """
    assert not world.unfinished()
    placed = {}
    rows = set()
    for cell in world.registry.all():
        table = cell_models.instances
        with world.targets.database(cell).read() as tx:
            for row in tx.execute(sa.select(table)):
                assert row.uuid not in rows, "a server lives in two cells"
                rows.add(row.uuid)
                if not row.deleted and row.host is not None:
                    placed[row.uuid] = row.host
    assert readings.guests(world) == placed
    _assert_pins_are_sound(world, placed)
    for attachment in world.cinder.attachments.values():
        assert attachment["status"] == "attached"
        assert attachment["connector"] == {"host": placed[attachment["instance"]]}
    _assert_moves_are_sound(world)
    claimed = {uuid: next(iter(held.resources)) for uuid, held in world.claims.held.items()}
    aside = {move.uuid: move.source_compute for move in readings.waiting_moves(world)}
    assert claimed == {uuid: f"provider-{host}" for uuid, host in {**placed, **aside}.items()}
    with world.api.read() as tx:
        assert tx.execute(sa.select(api_models.build_requests)).all() == []
        mappings = tx.execute(sa.select(api_models.instance_mappings)).all()
    assert all(row.cell_id is not None for row in mappings)
    assert {row.instance_uuid for row in mappings} == rows


def _assert_pins_are_sound(world: World, placed: Mapping[str, str]) -> None:
    """Servers hold something on their host only, guests got just that, and nobody has what somebody else has."""
    held = readings.pins(world)
    for uuid, (host, pins) in held.items():
        assert placed.get(uuid) == host
        assert world.hosts[host][1].found[uuid].pins == pins
    assert all(
        uuid in held or guest.pins == Pins()
        for _, hypervisor in world.hosts.values()
        for uuid, guest in hypervisor.found.items()
    )
    parts = [
        (host, part)
        for host, pins in held.values()
        for part in (
            *(cpu for cell in pins.cells for _, cpu in cell.pins),
            *(pinned.device.address for pinned in pins.devices),
        )
    ]
    assert len(parts) == len(set(parts)), parts


def _assert_moves_are_sound(world: World) -> None:
    """Who waits for an answer is RESIZED, and aside at its source; nobody else is aside anywhere."""
    waiting = {move.server_uuid: move.source_compute for move in readings.waiting_moves(world)}
    aside = {
        uuid: host for host, (_, hypervisor) in world.hosts.items() for uuid in hypervisor.aside
    }
    assert aside == waiting
    resized = set()
    for cell in (CELL1, CELL2):
        table = cell_models.instances
        with world.journals[cell].database.read() as tx:
            for row in tx.execute(sa.select(table).where(table.c.deleted == 0)):
                assert row.task_state is None, f"{row.uuid} is left in {row.task_state}"
                if row.vm_state == "resized":
                    resized.add(row.uuid)
    assert resized == set(waiting)
