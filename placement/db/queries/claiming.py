"""What a claim is judged by, in two statements: one locks its providers, one reads everything else.

The order matters. A statement sees what was committed when it began, so whoever waited for a lock and read in the
same statement would decide upon what was there before the wait.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import sqlalchemy as sa

from groundwork.columns import now
from groundwork.database import Transaction
from placement.db.models import (
    allocations,
    consumers,
    inventories,
    resource_classes,
    resource_providers,
)
from placement.db.queries import blocks
from placement.db.queries.allocations import Holding
from placement.db.queries.plain import plain_only
from placement.records import Consumer, Inventory

_PROVIDER, _CONSUMER = range(2)


@dataclass(frozen=True, slots=True)
class Stock:
    """What a provider offers of one class, and the sum that all consumers hold of it."""

    class_id: int
    inventory: Inventory
    used: int


@dataclass(frozen=True, slots=True)
class Scene:
    """The providers and consumers that claims name, as far as they exist, after the locks were taken.

    ``stocks`` by provider id and class; ``holdings`` is all that the consumers hold, also at other providers.
    """

    provider_ids: Mapping[str, int]
    stocks: Mapping[tuple[int, str], Stock]
    consumers: Mapping[str, Consumer]
    holdings: tuple[Holding, ...]


def raise_generations(tx: Transaction, provider_uuids: Collection[str]) -> None:
    """Add one to the generation of each, which locks them against other writers until the transaction ends."""
    asked = plain_only(provider_uuids)
    if asked:
        tx.execute(_raise(), {"uuids": asked, "updated_at": now()})


def read(
    tx: Transaction, provider_uuids: Collection[str], consumer_uuids: Collection[str]
) -> Scene:
    """The scene; its providers must be locked already."""
    asked = {"providers": plain_only(provider_uuids), "consumers": plain_only(consumer_uuids)}
    return _scene_of(tx.execute(_whole(), asked))


def lock_and_read(
    tx: Transaction, provider_uuids: Collection[str], consumer_uuids: Collection[str]
) -> Scene:
    """Both, one after the other; in one trip where the database takes them together."""
    providers, who = plain_only(provider_uuids), plain_only(consumer_uuids)
    if tx.takes_blocks and providers and who:
        return _scene_of(blocks.lock_and_read(tx, _parts(), providers, who))
    raise_generations(tx, provider_uuids)
    return read(tx, provider_uuids, consumer_uuids)


def _scene_of(rows: Iterable[Any]) -> Scene:
    provider_ids: dict[str, int] = {}
    stocks: dict[tuple[int, str], Stock] = {}
    known: dict[str, Consumer] = {}
    holdings: list[Holding] = []
    for kind, own_id, a, b, c, d, e, f, g, ratio, uuid, text, user_id, consumer_type in rows:
        if kind == _PROVIDER:
            provider_ids[uuid] = own_id
            if text is not None:
                inventory = Inventory(text, b, c, d, e, f, ratio)
                stocks[own_id, text] = Stock(a, inventory, g)
        else:
            known[uuid] = Consumer(own_id, uuid, text, user_id, consumer_type, a)
            if b is not None:
                holdings.append(Holding(own_id, b, c, d))
    return Scene(provider_ids, stocks, known, tuple(holdings))


@cache
def _raise() -> sa.Update:
    own = resource_providers.c
    return (
        sa.update(resource_providers)
        .where(own.uuid.in_(sa.bindparam("uuids", expanding=True)))
        .values(generation=own.generation + 1)
    )


@cache
def _whole() -> sa.CompoundSelect[Any]:
    return sa.union_all(*_parts())


@cache
def _parts() -> blocks.Scene:
    """Providers with what they offer and how much of it is held, and consumers with what they hold.

    SELECT 0, p.id, i.class, i.total, i.reserved, i.min, i.max, i.step, (SELECT sum(used) ...), i.ratio, p.uuid, ...
    FROM providers p LEFT JOIN inventories i ... WHERE p.uuid IN (...)
    UNION ALL SELECT 1, c.id, c.generation, a.provider, a.class, a.used, 0, 0, 0, 0.0, c.uuid, c.project, c.user, c.type
    FROM consumers c LEFT JOIN allocations a ... WHERE c.uuid IN (...)
    """
    own, offered, who, held = resource_providers.c, inventories.c, consumers.c, allocations.c
    zero: Any = sa.literal_column("0")
    nothing: Any = sa.literal_column("''")
    used = (
        sa.select(sa.func.coalesce(sa.func.sum(held.used), zero))
        .where(
            held.resource_provider_id == offered.resource_provider_id,
            held.resource_class_id == offered.resource_class_id,
        )
        .correlate(inventories)
        .scalar_subquery()
    )
    stock = (
        sa.select(
            sa.literal_column(str(_PROVIDER)).label("kind"),
            own.id.label("own_id"),
            offered.resource_class_id.label("a"),
            offered.total.label("b"),
            offered.reserved.label("c"),
            offered.min_unit.label("d"),
            offered.max_unit.label("e"),
            offered.step_size.label("f"),
            sa.cast(used, sa.BigInteger).label("g"),
            offered.allocation_ratio.label("ratio"),
            own.uuid.label("uuid"),
            resource_classes.c.name.label("text"),
            nothing.label("user_id"),
            nothing.label("consumer_type"),
        )
        .select_from(resource_providers)
        .outerjoin(inventories, offered.resource_provider_id == own.id)
        .outerjoin(resource_classes, resource_classes.c.id == offered.resource_class_id)
        .where(own.uuid.in_(sa.bindparam("providers", expanding=True)))
    )
    holding = (
        sa.select(
            sa.literal_column(str(_CONSUMER)),
            who.id,
            who.generation,
            held.resource_provider_id,
            held.resource_class_id,
            held.used,
            *(zero.label(name) for name in "efg"),
            sa.literal_column("0.0"),
            who.uuid,
            who.project_id,
            who.user_id,
            who.consumer_type,
        )
        .select_from(consumers)
        .outerjoin(allocations, held.consumer_id == who.id)
        .where(who.uuid.in_(sa.bindparam("consumers", expanding=True)))
    )
    return stock, holding
