"""What providers offer."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from dataclasses import replace as replaced
from functools import cache
from typing import Any

import sqlalchemy as sa

from groundwork.columns import now
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


def classes_of(tx: Transaction, provider_id: int) -> frozenset[int]:
    """The ids of the classes that the provider offers."""
    return frozenset(tx.execute(_class_ids(), {"provider": provider_id}).scalars())


def delete_all(tx: Transaction, provider_id: int) -> None:
    """Let the provider offer nothing."""
    tx.execute(_delete_all(), {"provider": provider_id})


def insert_all(
    tx: Transaction, provider_id: int, offered: Mapping[int, Inventory]
) -> dict[str, Inventory]:
    """Let a provider that offers nothing offer this, by class id; the same by class, as it is stored."""
    moment = now()
    stored = {
        class_id: replaced(stock, updated_at=moment) for class_id, stock in sorted(offered.items())
    }
    if stored:
        tx.execute(_insert(), [_row(provider_id, *item) for item in stored.items()])
    return {stock.resource_class: stock for stock in stored.values()}


def insert(tx: Transaction, provider_id: int, class_id: int, offered: Inventory) -> None:
    """Let the provider offer one class more. :raises oslo_db.exception.DBDuplicateEntry: it does already."""
    tx.execute(_insert(), _row(provider_id, class_id, offered))


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


# Statements that are run for every provider that is loaded are made once: making one costs as much as sending it.


@cache
def _class_ids() -> sa.Select[Any]:
    own = inventories.c
    return sa.select(own.resource_class_id).where(
        own.resource_provider_id == sa.bindparam("provider")
    )


@cache
def _delete_all() -> sa.Delete:
    own = inventories.c
    return sa.delete(inventories).where(own.resource_provider_id == sa.bindparam("provider"))


@cache
def _insert() -> sa.Insert:
    return sa.insert(inventories)


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
        "updated_at": offered.updated_at or now(),
        "resource_provider_id": provider_id,
        "resource_class_id": class_id,
        "total": offered.total,
        "reserved": offered.reserved,
        "min_unit": offered.min_unit,
        "max_unit": offered.max_unit,
        "step_size": offered.step_size,
        "allocation_ratio": offered.allocation_ratio,
    }
