"""Placement's database with the standard names, on each engine in turn, and short ways to fill it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

import pytest

from groundwork.database import Database
from placement.allocations.claims import Claims
from placement.allocations.reading import Holdings
from placement.inventory import standard
from placement.inventory.inventories import Inventories
from placement.inventory.providers import Providers
from placement.records import Claim, Inventory


class Rooms:
    """The rooms of Placement over one database."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.providers = Providers(database=database)
        self.inventories = Inventories(database=database)
        self.claims = Claims(database=database, conflict_retries=10)
        self.holdings = Holdings(database=database)

    def provider(self, name: str, *, parent: str | None = None, **totals: int | Inventory) -> str:
        """A new provider with these inventories; its uuid."""
        made = self.providers.create(uuid=str(uuid.uuid4()), name=name, parent_uuid=parent)
        offered = {
            key: one if isinstance(one, Inventory) else Inventory(key, one)
            for key, one in totals.items()
        }
        if offered:
            self.inventories.replace(made.uuid, generation=0, offered=offered)
        return made.uuid

    def claim(
        self, consumer: str, resources: Mapping[str, Mapping[str, int]], **more: object
    ) -> None:
        """Let one consumer hold just this."""
        self.claims.put([claim(consumer, resources, **more)])

    def used(self, provider_uuid: str, resource_class: str = "VCPU") -> int:
        """The sum held at a provider."""
        return self.holdings.usage_of_provider(provider_uuid).usages[resource_class]

    def generation(self, provider_uuid: str) -> int:
        """The generation of a provider now."""
        return self.providers.show(provider_uuid).generation


def claim(consumer: str, resources: Mapping[str, Mapping[str, int]], **more: object) -> Claim:
    """A claim of one user."""
    return Claim(consumer, resources, "project", "user", **more)  # type: ignore[arg-type]


@pytest.fixture
def rooms(placement_database: Database) -> Rooms:
    standard.sync(placement_database)
    return Rooms(placement_database)
