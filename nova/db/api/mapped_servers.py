"""Mappings (and specs) of servers that are in their cells already, as operators' commands need them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from groundwork.columns import now
from groundwork.database import Transaction
from groundwork.typed import convert
from nova.db.api.models import instance_mappings, request_specs, server_group_members
from nova.domain.request_spec import RequestSpec


@dataclass(frozen=True, slots=True)
class Unmapped:
    """What a mapping says of a server; a deleted one counts for nothing."""

    uuid: str
    project_id: str
    user_id: str
    vcpus: int
    memory_mb: int
    is_deleted: bool


def add_missing(tx: Transaction, cell_id: int, servers: Sequence[Unmapped]) -> int:
    """Map those of these servers to the cell that are mapped to none; how many.

    :raises oslo_db.exception.DBDuplicateEntry: somebody else did at the same moment; a new transaction sees it.
    """
    table = instance_mappings
    uuids = [server.uuid for server in servers]
    known = set(
        tx.execute(
            sa.select(table.c.instance_uuid).where(table.c.instance_uuid.in_(uuids))
        ).scalars()
    )
    missing = [server for server in servers if server.uuid not in known]
    if missing:
        tx.execute(sa.insert(table), [_values(server, cell_id) for server in missing])
    return len(missing)


def _values(server: Unmapped, cell_id: int) -> dict[str, Any]:
    return {
        "instance_uuid": server.uuid,
        "cell_id": cell_id,
        "project_id": server.project_id,
        "user_id": server.user_id,
        "vcpus": server.vcpus,
        "memory_mb": server.memory_mb,
        "queued_for_delete": server.is_deleted,
        "created_at": now(),
    }


def forget(tx: Transaction, uuids: Sequence[str]) -> Mapping[str, int]:
    """Remove what this database has of servers that only their cell still remembers; how many rows, by table."""
    servers = (
        instance_mappings.c.instance_uuid,
        request_specs.c.instance_uuid,
        server_group_members.c.server_uuid,
    )
    return {
        server.table.name: tx.execute(
            sa.delete(server.table).where(server.in_(list(uuids)))
        ).rowcount
        for server in servers
    }


def cells_of(tx: Transaction, uuids: Sequence[str]) -> Mapping[str, int | None]:
    """The cell of each of these servers, None for those that have none yet; unmapped ones are left out."""
    table = instance_mappings
    rows = tx.execute(
        sa.select(table.c.instance_uuid, table.c.cell_id).where(
            table.c.instance_uuid.in_(list(uuids))
        )
    )
    return {row.instance_uuid: row.cell_id for row in rows}


def spec_of(tx: Transaction, uuid: str) -> RequestSpec | None:
    """What was asked for when the server was made; None for a server without a record of it."""
    table = request_specs
    found = tx.execute(sa.select(table.c.spec).where(table.c.instance_uuid == uuid)).scalar()
    return None if found is None else convert(found, RequestSpec)
