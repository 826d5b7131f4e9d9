"""Block device records of a cell's servers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from groundwork.columns import now
from groundwork.database import Transaction
from nova.db.cell.models import block_device_mappings, instances
from nova.domain.block_device import BlockDevice

_TABLE = block_device_mappings
_NAMES = BlockDevice.__struct_fields__

#: In a query of ``instances``: whether the server has any, so that the others cost no second query.
ARE_THERE = sa.exists().where(_TABLE.c.instance_uuid == instances.c.uuid)


def of_server(tx: Transaction, server_uuid: str) -> tuple[BlockDevice, ...]:
    """Its devices, by name."""
    rows = tx.execute(
        sa.select(*(_TABLE.c[name] for name in _NAMES)).where(_TABLE.c.instance_uuid == server_uuid)
    )
    return in_order(BlockDevice(**row._mapping) for row in rows)


def in_order(devices: Iterable[BlockDevice]) -> tuple[BlockDevice, ...]:
    """Devices as they are listed, whatever order the database gave them in."""
    return tuple(sorted(devices, key=lambda device: (device.device_name or "", device.uuid)))


def insert(tx: Transaction, server_uuid: str, devices: Iterable[BlockDevice]) -> None:
    """Record the devices of a new server."""
    rows = [
        {"instance_uuid": server_uuid, "created_at": now(), **_values(device)} for device in devices
    ]
    if rows:
        tx.execute(sa.insert(_TABLE), rows)


def save(tx: Transaction, devices: Iterable[BlockDevice]) -> None:
    """Write what became of devices that are recorded; those that are gone stay so."""
    for device in devices:
        tx.execute(
            sa.update(_TABLE)
            .where(_TABLE.c.uuid == device.uuid)
            .values(updated_at=now(), **_values(device))
        )


def forget(tx: Transaction, server_uuid: str) -> None:
    """Remove the records of a server."""
    tx.execute(sa.delete(_TABLE).where(_TABLE.c.instance_uuid == server_uuid))


def _values(device: BlockDevice) -> dict[str, Any]:
    return {name: getattr(device, name) for name in _NAMES}
