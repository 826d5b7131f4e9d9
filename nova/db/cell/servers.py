"""Servers of a cell: rows in, values out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from groundwork.columns import UtcTime
from groundwork.database import Transaction
from groundwork.typed import convert
from nova.db.cell import block_devices, console_auth_tokens, hardware_pins
from nova.db.cell.models import instances, tags
from nova.domain.block_device import BlockDevice
from nova.domain.flavor import Flavor
from nova.domain.server import Server

_FIELDS = Server.__struct_fields__
# What the row has copies of; the records of devices say more than the copy does.
_COPIED = ("tags", "block_devices")
# Everything else of Server.
COLUMNS = tuple(instances.c[name] for name in _FIELDS if name not in _COPIED)
_NAMES = tuple(column.name for column in COLUMNS)


def to_server(
    row: sa.Row[Any],
    server_tags: Sequence[str] = (),
    devices: tuple[BlockDevice, ...] = (),
) -> Server:
    """The value of a row that was read with ``COLUMNS`` (first, in order)."""
    values = dict(zip(_NAMES, row, strict=False))
    values["flavor"] = convert(values["flavor"], Flavor)
    values["image_properties"] = values["image_properties"] or {}
    values["security_groups"] = tuple(values["security_groups"])
    if values["trusted_certs"] is not None:
        values["trusted_certs"] = tuple(values["trusted_certs"])
    return Server(tags=tuple(server_tags), block_devices=devices, **values)


def to_values(server: Server) -> dict[str, Any]:
    """The columns of a new row for this server."""
    values = {name: getattr(server, name) for name in _NAMES if name != "id"}
    values |= flavor_values(server.flavor)
    values["security_groups"] = list(server.security_groups)
    values["trusted_certs"] = None if server.trusted_certs is None else list(server.trusted_certs)
    values["tags"] = sorted(server.tags) or None
    values["block_devices"] = block_devices.shown(server.block_devices)
    return values


def flavor_values(flavor: Flavor) -> dict[str, Any]:
    """The columns that say of which flavor a server is."""
    return {
        "flavor": msgspec.to_builtins(flavor),
        "flavorid": flavor.flavorid,
        "vcpus": flavor.vcpus,
        "memory_mb": flavor.memory_mb,
        "root_gb": flavor.root_gb,
        "ephemeral_gb": flavor.ephemeral_gb,
    }


def find(tx: Transaction, uuid: str, *, with_deleted: bool = False) -> Server | None:
    """The server, or None; deleted ones only when asked for."""
    # Only servers that show devices have records of them, so the others cost no second query.
    has_devices = instances.c.block_devices.is_not(None).label("has_devices")
    query = sa.select(*COLUMNS, instances.c.tags, has_devices).where(instances.c.uuid == uuid)
    if not with_deleted:
        query = query.where(instances.c.deleted == 0)
    row = tx.execute(query).first()
    if row is None:
        return None
    devices = block_devices.of_server(tx, uuid) if row.has_devices else ()
    return to_server(row, row.tags or (), devices)


def insert_if_absent(tx: Transaction, server: Server) -> bool:
    """Store a new server with its tags and devices; False when its row was there already (a step that runs twice)."""
    known = tx.execute(sa.select(instances.c.id).where(instances.c.uuid == server.uuid)).first()
    if known is not None:
        return False
    tx.execute(sa.insert(instances).values(**to_values(server)))
    if server.tags:
        tx.execute(
            sa.insert(tags), [{"resource_id": server.uuid, "tag": tag} for tag in server.tags]
        )
    block_devices.insert(tx, server.uuid, server.block_devices)
    return True


def update(tx: Transaction, uuid: str, values: Mapping[str, Any]) -> bool:
    """Change columns of a living server; False when it is gone."""
    return (
        tx.execute(
            sa.update(instances)
            .where(instances.c.uuid == uuid, instances.c.deleted == 0)
            .values(**values)
        ).rowcount
        == 1
    )


def from_wire(values: Mapping[str, Any]) -> dict[str, Any]:
    """Column values as they came over a bus: times are text there."""
    return {
        name: datetime.fromisoformat(value)
        if isinstance(value, str) and isinstance(instances.c[name].type, UtcTime)
        else value
        for name, value in values.items()
    }


def swap_task_state(
    tx: Transaction,
    uuid: str,
    *,
    expect: Iterable[str | None] | None,
    values: Mapping[str, Any],
) -> bool:
    """Change columns if the task_state still is one of ``expect`` (anything when None); False otherwise."""
    condition = [instances.c.uuid == uuid, instances.c.deleted == 0]
    if expect is not None:
        named = [state for state in expect if state is not None]
        options = [instances.c.task_state.in_(named)] if named else []
        if None in expect or not named:
            options.append(instances.c.task_state.is_(None))
        condition.append(sa.or_(*options))
    return tx.execute(sa.update(instances).where(*condition).values(**values)).rowcount == 1


def mark_deleted(tx: Transaction, uuid: str, *, now: datetime) -> bool:
    """Leave only the record of a server; False when it was gone already."""
    # Its row comes first, as for all who change what belongs to it: none can come in between, and none waits crosswise.
    is_first = update(
        tx,
        uuid,
        {
            "deleted": instances.c.id,
            "deleted_at": now,
            "terminated_at": now,
            "updated_at": now,
            "vm_state": "deleted",
            "task_state": None,
            "power_state": 0,
            **dict.fromkeys(_COPIED),
        },
    )
    tx.execute(sa.delete(tags).where(tags.c.resource_id == uuid))
    block_devices.forget(tx, uuid)
    console_auth_tokens.forget(tx, uuid)
    hardware_pins.release(tx, uuid, now=now)
    return is_first


def on_host(tx: Transaction, host: str) -> Sequence[Server]:
    """The living servers of one host, without their tags."""
    rows = tx.execute(
        sa.select(*COLUMNS).where(instances.c.host == host, instances.c.deleted == 0)
    ).all()
    return [to_server(row) for row in rows]


def hosts_of(tx: Transaction, uuids: Sequence[str]) -> Mapping[str, str | None]:
    """Where these servers are; None for deleted ones. Servers that the cell never had are left out."""
    rows = tx.execute(
        sa.select(instances.c.uuid, instances.c.host, instances.c.deleted).where(
            instances.c.uuid.in_(list(uuids))
        )
    )
    return {row.uuid: None if row.deleted else row.host or "" for row in rows}
