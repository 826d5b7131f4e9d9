"""Mappings made and removed for servers that are in their cells already, for operators' commands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from groundwork.columns import now
from groundwork.database import Transaction
from nova.db.api.models import instance_mappings, request_specs


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
    return {
        table.name: tx.execute(
            sa.delete(table).where(table.c.instance_uuid.in_(list(uuids)))
        ).rowcount
        for table in (instance_mappings, request_specs)
    }
