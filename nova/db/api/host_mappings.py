"""Which cell a compute host belongs to."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql, sqlite

from groundwork import columns
from groundwork.database import Transaction
from nova.db.api.models import host_mappings


@dataclass(frozen=True, slots=True)
class HostMapping:
    """A host and the row number of its cell."""

    host: str
    cell_id: int


def find(tx: Transaction, host: str) -> HostMapping | None:
    """Where the host is, None when no discovery has found it yet."""
    found = _select(tx, host_mappings.c.host == host)
    return found[0] if found else None


def list_mappings(
    tx: Transaction, *, cell_ids: Collection[int] | None = None
) -> tuple[HostMapping, ...]:
    """The hosts of some or all cells, by cell and name."""
    return _select(tx, sa.true() if cell_ids is None else host_mappings.c.cell_id.in_(cell_ids))


def mapped_among(tx: Transaction, hosts: Collection[str]) -> frozenset[str]:
    """Those of these hosts that are in a cell."""
    return frozenset(mapping.host for mapping in _select(tx, host_mappings.c.host.in_(hosts)))


def map_host(
    tx: Transaction, host: str, cell_id: int, *, now: datetime | None = None
) -> HostMapping:
    """Put the host into the cell unless it is in one already; where it is afterwards.

    The caller has to look: a host that two cells report under one name stays where it was found first.
    """
    values = {"host": host, "cell_id": cell_id, "created_at": now or columns.now()}
    statement: sa.Executable
    match tx.dialect:
        case "mysql":
            statement = (
                mysql.insert(host_mappings)
                .values(values)
                .on_duplicate_key_update(host=host_mappings.c.host)
            )
        case "postgresql":
            statement = postgresql.insert(host_mappings).values(values).on_conflict_do_nothing()
        case _:
            statement = sqlite.insert(host_mappings).values(values).on_conflict_do_nothing()
    tx.execute(statement)
    found = find(tx, host)
    assert found is not None, "the row was written in this transaction"
    return found


def unmap_host(tx: Transaction, host: str) -> bool:
    """Forget where the host was; False when it was in no cell."""
    return bool(tx.execute(sa.delete(host_mappings).where(host_mappings.c.host == host)).rowcount)


def _select(tx: Transaction, condition: sa.ColumnElement[bool]) -> tuple[HostMapping, ...]:
    found: Any = tx.execute(
        sa.select(host_mappings.c.host, host_mappings.c.cell_id)
        .where(condition)
        .order_by(host_mappings.c.cell_id, host_mappings.c.host)
    )
    return tuple(HostMapping(row.host, row.cell_id) for row in found)
