"""Block device records of a cell's servers.

The server's row has a copy of them for lists (:func:`shown`), without what only hosts need.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from msgspec.structs import replace

from groundwork.columns import now
from groundwork.database import Transaction
from nova.db.cell.models import block_device_mappings, instances
from nova.domain.block_device import BlockDevice

_TABLE = block_device_mappings
_NAMES = BlockDevice.__struct_fields__


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
    """Record the devices of a new server, whose row shows them already."""
    rows = [
        {"instance_uuid": server_uuid, "created_at": now(), **_values(device)} for device in devices
    ]
    if rows:
        tx.execute(sa.insert(_TABLE), rows)


def shown(devices: Iterable[BlockDevice]) -> list[BlockDevice] | None:
    """What the server's row holds of them; None when there are none."""
    return [replace(device, connection_info=None) for device in in_order(devices)] or None


def save(tx: Transaction, server_uuid: str, devices: Iterable[BlockDevice]) -> None:
    """Write what became of devices of a server that are recorded; those that are gone stay so."""
    # The server's row first, as everywhere: it is written at the end in any case, and so others wait here.
    own_row = sa.update(instances).where(instances.c.uuid == server_uuid)
    tx.execute(own_row.values(vm_state=instances.c.vm_state))
    for device in devices:
        tx.execute(
            sa.update(_TABLE)
            .where(_TABLE.c.uuid == device.uuid, _TABLE.c.instance_uuid == server_uuid)
            .values(updated_at=now(), **_values(device))
        )
    tx.execute(own_row.values(block_devices=shown(of_server(tx, server_uuid))))


def forget(tx: Transaction, server_uuid: str) -> None:
    """Remove the records of a server."""
    tx.execute(sa.delete(_TABLE).where(_TABLE.c.instance_uuid == server_uuid))


def _values(device: BlockDevice) -> dict[str, Any]:
    return {name: getattr(device, name) for name in _NAMES}
