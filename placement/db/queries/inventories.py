"""What providers offer."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from groundwork.database import Transaction
from placement.db.models import inventories, resource_classes
from placement.records import Inventory

_COLUMNS = (
    inventories.c.total,
    inventories.c.reserved,
    inventories.c.min_unit,
    inventories.c.max_unit,
    inventories.c.step_size,
    inventories.c.allocation_ratio,
    inventories.c.updated_at,
)


@dataclass(frozen=True, slots=True)
class Stock:
    """An inventory with the place it has in the database."""

    provider_id: int
    class_id: int
    inventory: Inventory


def of_provider(tx: Transaction, provider_id: int) -> dict[str, Inventory]:
    """What one provider offers, by class."""
    return {
        stock.inventory.resource_class: stock.inventory for stock in of_providers(tx, [provider_id])
    }


def of_providers(tx: Transaction, provider_ids: Collection[int]) -> tuple[Stock, ...]:
    """What these providers offer."""
    if not provider_ids:
        return ()
    of_these = inventories.c.resource_provider_id.in_(sorted(provider_ids))
    return _fetch(tx, _select().where(of_these))


def replace(tx: Transaction, provider_id: int, offered: Mapping[int, Inventory]) -> None:
    """Let the provider offer just this, by class id."""
    tx.execute(sa.delete(inventories).where(inventories.c.resource_provider_id == provider_id))
    if offered:
        rows = [_row(provider_id, class_id, stock) for class_id, stock in sorted(offered.items())]
        tx.execute(sa.insert(inventories), rows)


def insert(tx: Transaction, provider_id: int, class_id: int, offered: Inventory) -> None:
    """Let the provider offer one class more. :raises oslo_db.exception.DBDuplicateEntry: it does already."""
    tx.execute(sa.insert(inventories).values(_row(provider_id, class_id, offered)))


def update(tx: Transaction, provider_id: int, class_id: int, offered: Inventory) -> bool:
    """Change the offer of one class; False when there is none."""
    values = _row(provider_id, class_id, offered)
    changed = tx.execute(sa.update(inventories).where(_at(provider_id, class_id)).values(values))
    return bool(changed.rowcount)


def delete(tx: Transaction, provider_id: int, class_id: int) -> bool:
    """Withdraw one class; False when it was not offered."""
    return bool(tx.execute(sa.delete(inventories).where(_at(provider_id, class_id))).rowcount)


def providers_offering(tx: Transaction, class_id: int) -> tuple[int, ...]:
    """The ids of the providers that have inventory of the class."""
    own = inventories.c
    rows = tx.execute(sa.select(own.resource_provider_id).where(own.resource_class_id == class_id))
    return tuple(row[0] for row in rows)


def _select() -> sa.Select[Any]:
    return sa.select(
        inventories.c.resource_provider_id,
        inventories.c.resource_class_id,
        resource_classes.c.name,
        *_COLUMNS,
    ).join(resource_classes, resource_classes.c.id == inventories.c.resource_class_id)


def _fetch(tx: Transaction, statement: sa.Select[Any]) -> tuple[Stock, ...]:
    rows: Iterable[Any] = tx.execute(statement)
    return tuple(Stock(row[0], row[1], Inventory(*row[2:])) for row in rows)


def _at(provider_id: int, class_id: int) -> sa.ColumnElement[bool]:
    return sa.and_(
        inventories.c.resource_provider_id == provider_id,
        inventories.c.resource_class_id == class_id,
    )


def _row(provider_id: int, class_id: int, offered: Inventory) -> dict[str, Any]:
    return {
        "resource_provider_id": provider_id,
        "resource_class_id": class_id,
        "total": offered.total,
        "reserved": offered.reserved,
        "min_unit": offered.min_unit,
        "max_unit": offered.max_unit,
        "step_size": offered.step_size,
        "allocation_ratio": offered.allocation_ratio,
    }
