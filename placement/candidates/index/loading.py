"""From rows of the database to the facts of the index."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

import sqlalchemy as sa

from groundwork.database import Transaction
from placement.candidates.index.facts import Fact, Stock
from placement.db import models
from placement.db.queries import facts, named
from placement.db.queries.facts import Rows
from placement.db.queries.provider_filters import known_ids
from placement.records import Inventory

# Providers read at once when everything is loaded; more need more memory for a moment, fewer take more statements.
_AT_ONCE = 2000

# Different lists remembered; each costs some hundred bytes.
_MANY_LISTS = 50_000


class Loader:
    """Loads facts, and knows the names of traits, which never change."""

    def __init__(self) -> None:
        self._traits: dict[int, str] = {}
        # Hosts of one kind carry the same traits and belong to the same aggregates: equal lists are one object.
        self._trait_lists: dict[str, tuple[str, ...]] = {}
        self._aggregate_lists: dict[str, tuple[str, ...]] = {}
        # Standard names cannot be removed, so those seen once need not be asked for again.
        self._lasting: dict[sa.Table, set[str]] = {}

    def everything(self, tx: Transaction) -> Iterator[Fact]:
        """All providers, some thousand at a time; what changes meanwhile is in the feed after its start."""
        last = facts.largest_id(tx)
        for first in range(1, last + 1, _AT_ONCE):
            found = list(facts.between(tx, first, min(first + _AT_ONCE - 1, last)))
            yield from self._facts(tx, sorted(found, key=lambda rows: rows.id))

    def some(self, tx: Transaction, provider_ids: Collection[int]) -> list[Fact]:
        """Those of these providers that exist."""
        return list(self._facts(tx, list(facts.of_providers(tx, provider_ids))))

    def needs_look(self, names: Mapping[sa.Table, Collection[str]]) -> bool:
        """Whether :meth:`require` has to ask the database about one of these names of traits and classes."""
        return any(self._unsure(table, some) for table, some in names.items())

    def require(self, tx: Transaction, names: Mapping[sa.Table, Collection[str]]) -> None:
        """:raises UnknownNames: one of these does not exist."""
        for table, some in names.items():
            present = known_ids(tx, table, self._unsure(table, some)).keys()
            lasting = {name for name in present if not named.is_custom(name)}
            self._lasting.setdefault(table, set()).update(lasting)

    def _unsure(self, table: sa.Table, names: Collection[str]) -> set[str]:
        return set(names) - self._lasting.get(table, set())

    def _facts(self, tx: Transaction, found: Collection[Rows]) -> Iterator[Fact]:
        if len(self._trait_lists) + len(self._aggregate_lists) > _MANY_LISTS:
            self._trait_lists, self._aggregate_lists = {}, {}
        for rows in found:
            if rows.trait_ids not in self._trait_lists:
                self._trait_lists[rows.trait_ids] = self._trait_names(tx, rows.trait_ids)
            if rows.aggregates not in self._aggregate_lists:
                split = sorted(set(rows.aggregates.split(","))) if rows.aggregates else ()
                self._aggregate_lists[rows.aggregates] = tuple(split)
            yield Fact(
                rows.id,
                rows.uuid,
                rows.parent_id,
                tuple(_stock(*stock) for stock in rows.stocks),
                self._trait_lists[rows.trait_ids],
                self._aggregate_lists[rows.aggregates],
            )

    def _trait_names(self, tx: Transaction, joined: str) -> tuple[str, ...]:
        ids = [int(part) for part in joined.split(",")] if joined else []
        if any(trait_id not in self._traits for trait_id in ids):
            self._traits = {row.id: row.name for row in named.list_named(tx, models.traits)}
        # One that was removed since its carrier was read is in the feed with it.
        return tuple(sorted(self._traits[one] for one in ids if one in self._traits))


def _stock(
    name: str, total: int, reserved: int, low: int, high: int, step: int, used: int, ratio: float
) -> Stock:
    capacity = Inventory(name, total, reserved, allocation_ratio=ratio).capacity
    return Stock(name, capacity, low, high, step, used)
