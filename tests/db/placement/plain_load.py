"""All providers from the database, one table after the other, for the plain search and for comparison."""

from __future__ import annotations

from collections import defaultdict

import sqlalchemy as sa

from groundwork.database import Database
from placement.db import models
from placement.records import Inventory
from tests.unit.placement.plain.world import Fact, Stock


def plain_facts(database: Database) -> list[Fact]:
    """Every provider as committed now; nobody may write meanwhile."""
    with database.read() as tx:

        def rows(table: sa.Table) -> list[sa.Row]:
            return list(tx.execute(sa.select(table)))

        traits = {row.id: row.name for row in rows(models.traits)}
        classes = {row.id: row.name for row in rows(models.resource_classes)}
        used: dict[tuple[int, int], int] = defaultdict(int)
        for row in rows(models.allocations):
            used[row.resource_provider_id, row.resource_class_id] += row.used
        stocks: dict[int, dict[str, Stock]] = defaultdict(dict)
        for row in rows(models.inventories):
            name, provider_id = classes[row.resource_class_id], row.resource_provider_id
            bounds = (row.reserved, row.min_unit, row.max_unit, row.step_size)
            inventory = Inventory(name, row.total, *bounds, row.allocation_ratio)
            stocks[provider_id][name] = Stock(inventory, used[provider_id, row.resource_class_id])
        carried: dict[int, set[str]] = defaultdict(set)
        for row in rows(models.provider_traits):
            carried[row.resource_provider_id].add(traits[row.trait_id])
        members: dict[int, set[str]] = defaultdict(set)
        for row in rows(models.provider_aggregates):
            members[row.resource_provider_id].add(row.aggregate_uuid)
        return [
            Fact(
                row.id,
                row.uuid,
                row.parent_provider_id,
                stocks[row.id],
                frozenset(carried[row.id]),
                frozenset(members[row.id]),
            )
            for row in rows(models.resource_providers)
        ]
