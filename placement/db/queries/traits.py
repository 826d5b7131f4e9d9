"""Which provider carries which trait."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import sqlalchemy as sa

from groundwork.database import Transaction
from placement.db.models import provider_traits, traits
from placement.db.queries.named import list_named
from placement.db.queries.plain import is_plain, plain_only
from placement.records import Named, TraitQuery


def of_provider(tx: Transaction, provider_id: int) -> tuple[Named, ...]:
    """The traits of one provider."""
    rows: Iterable[Any] = tx.execute(
        sa.select(traits.c.id, traits.c.name, traits.c.updated_at)
        .join(provider_traits, provider_traits.c.trait_id == traits.c.id)
        .where(provider_traits.c.resource_provider_id == provider_id)
        .order_by(traits.c.id)
    )
    return tuple(Named(*row) for row in rows)


def replace(tx: Transaction, provider_id: int, trait_ids: Collection[int]) -> None:
    """Let the provider carry just these."""
    tx.execute(
        sa.delete(provider_traits).where(provider_traits.c.resource_provider_id == provider_id)
    )
    if trait_ids:
        rows = [
            {"resource_provider_id": provider_id, "trait_id": trait} for trait in sorted(trait_ids)
        ]
        tx.execute(sa.insert(provider_traits), rows)


def is_carried(tx: Transaction, trait_id: int) -> bool:
    """Whether any provider carries the trait."""
    carriers = sa.select(provider_traits.c.trait_id).where(provider_traits.c.trait_id == trait_id)
    return tx.execute(carriers.limit(1)).first() is not None


def search(tx: Transaction, wanted: TraitQuery) -> tuple[Named, ...]:
    """The traits that meet all conditions, by id."""
    conditions: list[sa.ColumnElement[bool]] = []
    if wanted.names is not None:
        conditions.append(traits.c.name.in_(plain_only(wanted.names)))
    if wanted.prefix is not None and not is_plain(wanted.prefix):
        return ()
    if wanted.prefix is not None:
        conditions.append(traits.c.name.startswith(wanted.prefix, autoescape=True))
    if wanted.associated is not None:
        carried = sa.exists().where(provider_traits.c.trait_id == traits.c.id)
        conditions.append(carried if wanted.associated else ~carried)
    return list_named(tx, traits, *conditions)
