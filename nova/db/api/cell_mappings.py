"""The cells as they are stored: URLs may still hold ``{placeholders}``. cell0 is the one with the all-zero uuid."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from groundwork import columns
from groundwork.database import Transaction
from nova.db.api.models import cell_mappings, instance_mappings


@dataclass(frozen=True, slots=True)
class CellMapping:
    """One cell. ``name`` may be missing, and two cells may have the same."""

    id: int
    uuid: str
    name: str | None
    transport_url: str
    database_connection: str
    disabled: bool


@dataclass(frozen=True, slots=True)
class MappedServers:
    """How many servers are mapped to a cell; ``living`` are those whose deletion has not begun."""

    all: int
    living: int


_COLUMNS = [cell_mappings.c[name] for name in CellMapping.__dataclass_fields__]


def find(tx: Transaction, uuid: str) -> CellMapping | None:
    """The cell of that uuid."""
    found = tx.execute(sa.select(*_COLUMNS).where(cell_mappings.c.uuid == uuid)).first()
    return None if found is None else _mapping(found)


def list_cells(tx: Transaction) -> tuple[CellMapping, ...]:
    """All cells, cell0 included, in the order of their creation."""
    return _list(tx, sa.select(*_COLUMNS))


def lock_cells(tx: Transaction) -> tuple[CellMapping, ...]:
    """As :func:`list_cells`; until this transaction ends nobody else changes one that is here now."""
    return _list(tx, sa.select(*_COLUMNS).with_for_update())


def insert(
    tx: Transaction,
    *,
    uuid: str,
    name: str | None,
    transport_url: str,
    database_connection: str,
    disabled: bool = False,
    now: datetime | None = None,
) -> CellMapping:
    """A new cell.

    :raises oslo_db.exception.DBDuplicateEntry: there is one of that uuid.
    """
    values = {
        "uuid": uuid,
        "name": name,
        "transport_url": transport_url,
        "database_connection": database_connection,
        "disabled": disabled,
        "created_at": now or columns.now(),
    }
    tx.execute(sa.insert(cell_mappings), values)
    made = find(tx, uuid)
    assert made is not None, "the row was written in this transaction"
    return made


def update(tx: Transaction, cell: CellMapping, *, now: datetime | None = None) -> bool:
    """Store everything of ``cell`` but its uuid, which says which one it is; False when it is gone."""
    changed = tx.execute(
        sa.update(cell_mappings)
        .where(cell_mappings.c.uuid == cell.uuid)
        .values(
            name=cell.name,
            transport_url=cell.transport_url,
            database_connection=cell.database_connection,
            disabled=cell.disabled,
            updated_at=now or columns.now(),
        )
    )
    return bool(changed.rowcount)


def delete(tx: Transaction, cell_id: int) -> bool:
    """Forget the cell; False when it was gone. No host or server may be mapped to it any more."""
    changed = tx.execute(sa.delete(cell_mappings).where(cell_mappings.c.id == cell_id))
    return bool(changed.rowcount)


def count_servers(tx: Transaction, cell_id: int) -> MappedServers:
    """The servers that are mapped to the cell, along ``instance_mappings_cell_idx``."""
    own = instance_mappings.c
    living = sa.func.coalesce(sa.func.sum(sa.case((own.queued_for_delete, 0), else_=1)), 0)
    found: Any = tx.execute(sa.select(sa.func.count(), living).where(own.cell_id == cell_id)).one()
    return MappedServers(all=int(found[0]), living=int(found[1]))


def unmap_servers(tx: Transaction, cell_id: int) -> int:
    """Forget which servers the cell had; how many they were."""
    own = instance_mappings
    return tx.execute(sa.delete(own).where(own.c.cell_id == cell_id)).rowcount


def _list(tx: Transaction, statement: sa.Select[Any]) -> tuple[CellMapping, ...]:
    return tuple(_mapping(found) for found in tx.execute(statement.order_by(cell_mappings.c.id)))


def _mapping(found: Any) -> CellMapping:
    return CellMapping(
        id=found.id,
        uuid=found.uuid,
        name=found.name,
        transport_url=found.transport_url or "",
        database_connection=found.database_connection or "",
        disabled=bool(found.disabled),
    )
