"""Which provider carries which trait."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import cache
from typing import Any

import sqlalchemy as sa

from groundwork.database import Transaction
from placement.db.models import provider_traits, traits
from placement.db.queries.named import list_named
from placement.db.queries.plain import is_plain, plain_only
from placement.records import Named, TraitQuery


def of_provider(tx: Transaction, provider_id: int) -> tuple[Named, ...]:
    """The traits of one provider."""
    rows: Iterable[Any] = tx.execute(_carried(), {"provider": provider_id})
    return tuple(Named(*row) for row in rows)


def ids_of_provider(tx: Transaction, provider_id: int) -> frozenset[int]:
    """The ids of the traits of one provider."""
    return frozenset(tx.execute(_carried_ids(), {"provider": provider_id}).scalars())


def change(
    tx: Transaction,
    provider_id: int,
    *,
    added: Collection[int],
    dropped: Collection[int] = (),
) -> None:
    """Let the provider carry more of these, and fewer of those."""
    if dropped:
        tx.execute(_drop(), {"provider": provider_id, "traits": sorted(dropped)})
    if added:
        rows = [{"resource_provider_id": provider_id, "trait_id": one} for one in sorted(added)]
        tx.execute(_add(), rows)


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


# Statements that are run for every provider that is loaded are made once: making one costs as much as sending it.


@cache
def _carried() -> sa.Select[Any]:
    return (
        sa.select(traits.c.id, traits.c.name, traits.c.updated_at)
        .join(provider_traits, provider_traits.c.trait_id == traits.c.id)
        .where(provider_traits.c.resource_provider_id == sa.bindparam("provider"))
        .order_by(traits.c.id)
    )


@cache
def _carried_ids() -> sa.Select[Any]:
    own = provider_traits.c
    return sa.select(own.trait_id).where(own.resource_provider_id == sa.bindparam("provider"))


@cache
def _drop() -> sa.Delete:
    own = provider_traits.c
    return sa.delete(provider_traits).where(
        own.resource_provider_id == sa.bindparam("provider"),
        own.trait_id.in_(sa.bindparam("traits", expanding=True)),
    )


@cache
def _add() -> sa.Insert:
    return sa.insert(provider_traits)
