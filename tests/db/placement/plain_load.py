"""All providers from the database, one table after the other, for the plain search and for comparison."""

from __future__ import annotations

from groundwork.database import Database
from placement.db import models
from placement.db.queries import aggregates, allocations, inventories, named, providers, traits
from tests.unit.placement.plain.world import Fact, Stock


def plain_facts(database: Database) -> list[Fact]:
    """Every provider as committed now; nobody may write meanwhile."""
    with database.read() as tx:
        trait_names = {row.id: row.name for row in named.list_named(tx, models.traits)}
        used = allocations.used_everywhere(tx)
        stocks: dict[int, dict[str, Stock]] = {}
        for one in inventories.everything(tx):
            amount = used.get((one.provider_id, one.class_id), 0)
            stock = Stock(one.inventory, amount)
            stocks.setdefault(one.provider_id, {})[one.inventory.resource_class] = stock
        carried: dict[int, set[str]] = {}
        for provider_id, trait_id in traits.everything(tx):
            carried.setdefault(provider_id, set()).add(trait_names[trait_id])
        members: dict[int, set[str]] = {}
        for provider_id, aggregate_uuid in aggregates.everything(tx):
            members.setdefault(provider_id, set()).add(aggregate_uuid)
        return [
            Fact(
                provider_id,
                uuid,
                parent_id,
                stocks.get(provider_id, {}),
                frozenset(carried.get(provider_id, ())),
                frozenset(members.get(provider_id, ())),
            )
            for provider_id, uuid, parent_id in providers.everybody(tx)
        ]
