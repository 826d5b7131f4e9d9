"""What lists show of other tables, in the server's row: its tags, its block devices and its newest fault."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from alembic import op

from groundwork import columns

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_SHOWN = ("tags", "block_devices", "fault")
# Servers that are written at a time.
_BATCH = 1000

_instances = sa.table(
    "instances",
    sa.column("uuid", sa.String),
    *(sa.column(name, columns.Json) for name in _SHOWN),
)
_tags = sa.table("tags", sa.column("resource_id", sa.String), sa.column("tag", sa.String))
_DEVICE = (
    "uuid source_type destination_type boot_index device_name volume_id image_id volume_size guest_format disk_bus "
    "device_type delete_on_termination tag attachment_id"
).split()
_devices = sa.table(
    "block_device_mappings",
    sa.column("instance_uuid", sa.String),
    *(sa.column(name) for name in _DEVICE if name != "delete_on_termination"),
    sa.column("delete_on_termination", sa.Boolean),
)
_faults = sa.table(
    "instance_faults",
    sa.column("instance_uuid", sa.String),
    sa.column("id", sa.BigInteger),
    sa.column("code", sa.Integer),
    sa.column("message", sa.String),
    sa.column("details", columns.LongText),
    sa.column("created_at", columns.UtcTime),
    sa.column("host", sa.String),
)


def upgrade() -> None:
    for table in ("instances", "shadow_instances"):
        for name in _SHOWN:
            op.add_column(table, sa.Column(name, columns.Json(), nullable=True))
    _copy(_tags.c.resource_id, "tags", _all_tags)
    _copy(_devices.c.instance_uuid, "block_devices", _all_devices)
    _copy(_faults.c.instance_uuid, "fault", _newest_fault)


def _copy(
    owner: sa.ColumnClause[str], name: str, shown: Callable[[Sequence[sa.Row[Any]]], Any]
) -> None:
    """Fill a column from the table of ``owner``, which names the server of each row."""
    connection = op.get_bind()
    table = owner.table
    owners = sa.select(owner).distinct().order_by(owner).limit(_BATCH)
    write = (
        sa.update(_instances)
        .where(_instances.c.uuid == sa.bindparam("server"))
        .values({name: sa.bindparam("shown", type_=columns.Json)})
    )
    found = connection.execute(owners).scalars().all()
    while found:
        rows = connection.execute(sa.select(owner, table).where(owner.in_(found)).order_by(owner))
        servers = groupby(rows, key=lambda row: row[0])
        values = [{"server": uuid, "shown": shown(list(own))} for uuid, own in servers]
        connection.execute(write, values)
        found = connection.execute(owners.where(owner > found[-1])).scalars().all()


def _all_tags(rows: Sequence[sa.Row[Any]]) -> Any:
    return sorted(row.tag for row in rows)


def _all_devices(rows: Sequence[sa.Row[Any]]) -> Any:
    devices = [{name: getattr(row, name) for name in _DEVICE} for row in rows]
    return sorted(devices, key=lambda device: (device["device_name"] or "", device["uuid"]))


def _newest_fault(rows: Sequence[sa.Row[Any]]) -> Any:
    newest = max(rows, key=lambda row: row.id)
    return {
        "code": newest.code,
        "message": newest.message or "",
        "details": newest.details or "",
        "created_at": newest.created_at,
        "host": newest.host,
    }
