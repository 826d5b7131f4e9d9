"""Everything that a search must know of providers, in one statement: whatever others write meanwhile, all rows of it
show the same moment.

    SELECT 0, id, parent, 0, 0, 0, 0, 0, 0, uuid FROM resource_providers WHERE ...
    UNION ALL SELECT 1, provider, total, reserved, min, max, step, (SELECT sum(used) ...), ratio, class FROM inventories
    UNION ALL SELECT 2, provider, count(*), ..., group_concat(trait_id) FROM provider_traits GROUP BY provider
    UNION ALL SELECT 3, provider, count(*), ..., group_concat(aggregate_uuid) FROM provider_aggregates GROUP BY provider

Lists come as one text each, because drivers in Python spend their time on rows.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import sqlalchemy as sa

from groundwork.database import Transaction
from placement.db.models import (
    allocations,
    inventories,
    provider_aggregates,
    provider_traits,
    resource_classes,
    resource_providers,
)

_PROVIDER, _STOCK, _TRAITS = 0, 1, 2


@dataclass(slots=True)
class Rows:
    """The rows of one provider; ``stocks`` are (class, total, reserved, min, max, step, used, ratio)."""

    id: int
    uuid: str = ""
    parent_id: int | None = None
    stocks: list[tuple[str, int, int, int, int, int, int, float]] = field(default_factory=list)
    trait_ids: str = ""
    aggregates: str = ""


def of_providers(tx: Transaction, provider_ids: Collection[int]) -> Iterator[Rows]:
    """These providers, those that exist; trait ids and aggregates separated by commas."""
    if provider_ids:
        yield from _grouped(tx, _of_these(), {"ids": sorted(provider_ids)})


def between(tx: Transaction, first_id: int, last_id: int) -> Iterator[Rows]:
    """The providers with ids in this range, both ends included."""
    yield from _grouped(tx, _in_range(), {"first": first_id, "last": last_id})


def largest_id(tx: Transaction) -> int:
    """The largest id of a provider; 0 when there are none."""
    return int(tx.execute(sa.select(sa.func.max(resource_providers.c.id))).scalar_one() or 0)


def _grouped(tx: Transaction, statement: sa.Executable, parameters: Any) -> Iterator[Rows]:
    found: dict[int, Rows] = {}
    cut: set[int] = set()
    rows: Iterable[Any] = tx.execute(statement, parameters)
    for kind, provider_id, number, a, b, c, d, e, ratio, text in rows:
        one = found.get(provider_id)
        if one is None:
            one = found[provider_id] = Rows(provider_id)
        if kind == _STOCK:
            one.stocks.append((text, number, a, b, c, d, e, ratio))
        elif kind == _PROVIDER:
            one.uuid, one.parent_id = text, number or None
        elif text.count(",") + 1 != number:
            # The server cuts long texts (group_concat_max_len).
            cut.add(provider_id)
        elif kind == _TRAITS:
            one.trait_ids = text
        else:
            one.aggregates = text
    for provider_id in cut:
        _read_lists(tx, found[provider_id])
    # Without a row of its own it was removed, or is being made.
    return (one for one in found.values() if one.uuid)


def _read_lists(tx: Transaction, one: Rows) -> None:
    def joined(column: sa.Column[Any]) -> str:
        of_it = column.table.c.resource_provider_id == one.id
        return ",".join(
            str(value) for value in tx.execute(sa.select(column).where(of_it)).scalars()
        )

    one.trait_ids = joined(provider_traits.c.trait_id)
    one.aggregates = joined(provider_aggregates.c.aggregate_uuid)


@cache
def _of_these() -> sa.Executable:
    ids: Any = sa.bindparam("ids", expanding=True)
    return _everything(lambda column: column.in_(ids))


@cache
def _in_range() -> sa.Executable:
    return _everything(lambda column: column.between(sa.bindparam("first"), sa.bindparam("last")))


def _everything(condition: Any) -> sa.CompoundSelect[Any]:
    own, offered = resource_providers.c, inventories.c
    zero: Any = sa.literal_column("0")
    nothing: Any = sa.literal_column("0.0")
    used = (
        sa.select(sa.func.coalesce(sa.func.sum(allocations.c.used), 0))
        .where(
            allocations.c.resource_provider_id == offered.resource_provider_id,
            allocations.c.resource_class_id == offered.resource_class_id,
        )
        .correlate(inventories)
        .scalar_subquery()
    )
    provider = sa.select(
        sa.literal_column(str(_PROVIDER)).label("kind"),
        own.id,
        sa.func.coalesce(own.parent_provider_id, 0),
        *(zero.label(name) for name in "abcde"),
        nothing.label("ratio"),
        sa.cast(own.uuid, sa.String(255)),
    ).where(condition(own.id))
    stock = (
        sa.select(
            sa.literal_column(str(_STOCK)),
            offered.resource_provider_id,
            offered.total,
            offered.reserved,
            offered.min_unit,
            offered.max_unit,
            offered.step_size,
            sa.cast(used, sa.BigInteger),
            offered.allocation_ratio,
            resource_classes.c.name,
        )
        .join(resource_classes, resource_classes.c.id == offered.resource_class_id)
        .where(condition(offered.resource_provider_id))
    )
    lists = [
        sa.select(
            sa.literal_column(str(kind)),
            column.table.c.resource_provider_id,
            sa.func.count(),
            *(zero.label(name) for name in "abcde"),
            nothing.label("ratio"),
            sa.func.aggregate_strings(sa.cast(column, sa.String(36)), ","),
        )
        .where(condition(column.table.c.resource_provider_id))
        .group_by(column.table.c.resource_provider_id)
        for kind, column in enumerate(
            (provider_traits.c.trait_id, provider_aggregates.c.aggregate_uuid), _TRAITS
        )
    ]
    return sa.union_all(provider, stock, *lists)
