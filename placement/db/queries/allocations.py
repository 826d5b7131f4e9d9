"""Who holds how much, and the sums of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from groundwork.database import Transaction
from placement.db.models import (
    allocations,
    consumers,
    inventories,
    resource_classes,
    resource_providers,
)
from placement.records import Allocation

_INSERT = sa.insert(allocations)


@dataclass(frozen=True, slots=True)
class Holding:
    """One allocation by ids."""

    consumer_id: int
    provider_id: int
    class_id: int
    used: int


def of_consumer(tx: Transaction, consumer_uuid: str) -> tuple[Allocation, ...]:
    """What one consumer holds."""
    return _fetch(tx, _select().where(consumers.c.uuid == consumer_uuid))


def of_provider(tx: Transaction, provider_id: int) -> tuple[tuple[Allocation, int], ...]:
    """What is held at one provider, each with the generation of its consumer."""
    statement = _select().add_columns(consumers.c.generation)
    rows: Iterable[Any] = tx.execute(
        statement.where(allocations.c.resource_provider_id == provider_id)
    )
    return tuple((Allocation(*row[:-1]), row[-1]) for row in rows)


def generations_of_providers(tx: Transaction, uuids: Collection[str]) -> dict[str, int]:
    """Generation by provider uuid."""
    own = resource_providers.c
    rows: Iterable[Any] = tx.execute(
        sa.select(own.uuid, own.generation).where(own.uuid.in_(sorted(uuids)))
    )
    return {row.uuid: row.generation for row in rows}


def held_by(tx: Transaction, consumer_ids: Collection[int]) -> tuple[Holding, ...]:
    """Everything that these consumers hold."""
    if not consumer_ids:
        return ()
    own = allocations.c
    rows: Iterable[Any] = tx.execute(
        sa.select(own.consumer_id, own.resource_provider_id, own.resource_class_id, own.used).where(
            own.consumer_id.in_(sorted(consumer_ids))
        )
    )
    return tuple(Holding(*row) for row in rows)


def used_at(tx: Transaction, provider_ids: Collection[int]) -> dict[tuple[int, int], int]:
    """The sum held by all consumers, by (provider id, class id); pairs that nobody holds are left out."""
    if not provider_ids:
        return {}
    own = allocations.c
    key = (own.resource_provider_id, own.resource_class_id)
    of_these = own.resource_provider_id.in_(sorted(provider_ids))
    rows: Iterable[Any] = tx.execute(
        sa.select(*key, sa.func.sum(own.used)).where(of_these).group_by(*key)
    )
    return {(row[0], row[1]): int(row[2]) for row in rows}


def insert(tx: Transaction, holdings: Iterable[Holding]) -> None:
    """Write allocations, all in one statement."""
    rows = [
        {
            "consumer_id": holding.consumer_id,
            "resource_provider_id": holding.provider_id,
            "resource_class_id": holding.class_id,
            "used": holding.used,
        }
        for holding in holdings
    ]
    if rows:
        tx.execute(_INSERT, rows)


def delete_of(tx: Transaction, consumer_ids: Collection[int]) -> None:
    """Remove everything that these consumers hold."""
    if consumer_ids:
        own = allocations.c.consumer_id
        tx.execute(sa.delete(allocations).where(own.in_(sorted(consumer_ids))))


def is_used(tx: Transaction, provider_id: int, class_ids: Collection[int] | None = None) -> bool:
    """Whether anybody holds anything at the provider (of these classes only, when given)."""
    own = allocations.c
    wanted = sa.select(own.used).where(own.resource_provider_id == provider_id)
    if class_ids is not None:
        wanted = wanted.where(own.resource_class_id.in_(sorted(class_ids)))
    return tx.execute(wanted.limit(1)).first() is not None


def used_classes(
    tx: Transaction, provider_id: int, class_ids: Collection[int] | None = None
) -> tuple[str, ...]:
    """The names of the classes (of these only, when given) that somebody holds at the provider, standard ones first."""
    if class_ids is not None and not class_ids:
        return ()
    own, known = allocations.c, resource_classes.c
    held = (own.resource_provider_id == provider_id, own.resource_class_id == known.id)
    wanted = sa.select(known.name).where(sa.exists().where(*held)).order_by(known.id)
    if class_ids is not None:
        wanted = wanted.where(known.id.in_(sorted(class_ids)))
    rows: Iterable[Any] = tx.execute(wanted)
    return tuple(row[0] for row in rows)


def usages_of_provider(tx: Transaction, provider_id: int) -> dict[str, int]:
    """The sum held, by class; a class that is offered and not held counts 0."""
    own = inventories.c
    rows: Iterable[Any] = tx.execute(
        sa.select(resource_classes.c.name, sa.func.coalesce(sa.func.sum(allocations.c.used), 0))
        .select_from(inventories)
        .join(resource_classes, resource_classes.c.id == own.resource_class_id)
        .outerjoin(
            allocations,
            sa.and_(
                allocations.c.resource_provider_id == own.resource_provider_id,
                allocations.c.resource_class_id == own.resource_class_id,
            ),
        )
        .where(own.resource_provider_id == provider_id)
        .group_by(resource_classes.c.name)
    )
    return {row[0]: int(row[1]) for row in rows}


def _select() -> sa.Select[Any]:
    return (
        sa.select(
            consumers.c.uuid,
            resource_providers.c.uuid,
            resource_classes.c.name,
            allocations.c.used,
            allocations.c.updated_at,
        )
        .select_from(allocations)
        .join(consumers, consumers.c.id == allocations.c.consumer_id)
        .join(resource_providers, resource_providers.c.id == allocations.c.resource_provider_id)
        .join(resource_classes, resource_classes.c.id == allocations.c.resource_class_id)
    )


def _fetch(tx: Transaction, statement: sa.Select[Any]) -> tuple[Allocation, ...]:
    rows: Iterable[Any] = tx.execute(statement)
    return tuple(Allocation(*row) for row in rows)
