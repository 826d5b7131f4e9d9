"""Allocations and usages as they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from groundwork.database import Database
from placement.db.queries import allocations, consumers, providers, usages
from placement.inventory.guarding import no_provider
from placement.records import Consumer, Owner

ALL_TYPES = "all"
UNKNOWN_TYPE = "unknown"


@dataclass(frozen=True, slots=True)
class HeldAt:
    """What is held at one provider, or by one consumer, by class; ``generation`` is that of the other party."""

    generation: int
    resources: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class ConsumerView:
    """A consumer with what it holds, by provider uuid."""

    consumer: Consumer
    allocations: Mapping[str, HeldAt]
    updated_at: datetime | None


@dataclass(frozen=True, slots=True)
class ProviderView:
    """A provider with what is held there, by consumer uuid."""

    generation: int
    allocations: Mapping[str, HeldAt]
    updated_at: datetime | None


@dataclass(frozen=True, slots=True)
class ProviderUsage:
    """A provider's use by class; classes that are offered and not held count 0."""

    generation: int
    usages: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class TypeUsage:
    """What the consumers of one type hold, by class."""

    consumer_count: int
    usages: Mapping[str, int]


class Holdings:
    """Reads allocations."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    def of_consumer(self, consumer_uuid: str) -> ConsumerView | None:
        """What a consumer holds; None when it holds nothing."""
        with self._database.read() as tx:
            consumer = consumers.find(tx, consumer_uuid)
            held = allocations.of_consumer(tx, consumer_uuid) if consumer else ()
            generations = allocations.generations_of_providers(
                tx, {one.provider_uuid for one in held}
            )
        if consumer is None or not held:
            return None
        resources: dict[str, dict[str, int]] = {}
        for one in held:
            resources.setdefault(one.provider_uuid, {})[one.resource_class] = one.used
        return ConsumerView(
            consumer,
            {
                uuid: HeldAt(generations.get(uuid, 0), amounts)
                for uuid, amounts in resources.items()
            },
            max(one.updated_at for one in held),
        )

    def of_provider(self, provider_uuid: str) -> ProviderView:
        """What is held at a provider. :raises NotFound: there is no such provider."""
        with self._database.read() as tx:
            provider = providers.find(tx, provider_uuid)
            if provider is None:
                raise no_provider(provider_uuid)
            held = allocations.of_provider(tx, provider.id)
        resources: dict[str, dict[str, int]] = {}
        generations: dict[str, int] = {}
        for one, generation in held:
            resources.setdefault(one.consumer_uuid, {})[one.resource_class] = one.used
            generations[one.consumer_uuid] = generation
        return ProviderView(
            provider.generation,
            {uuid: HeldAt(generations[uuid], amounts) for uuid, amounts in resources.items()},
            max((one.updated_at for one, _ in held), default=None),
        )

    def usage_of_provider(self, provider_uuid: str) -> ProviderUsage:
        """The sums held at a provider. :raises NotFound: there is no such provider."""
        with self._database.read() as tx:
            provider = providers.find(tx, provider_uuid)
            if provider is None:
                raise no_provider(provider_uuid)
            return ProviderUsage(
                provider.generation, allocations.usages_of_provider(tx, provider.id)
            )

    def usage_of_owner(self, owner: Owner) -> Mapping[str, int]:
        """The sums that a project or one of its users holds, by class."""
        with self._database.read() as tx:
            return usages.by_class(tx, owner)

    def usage_by_type(self, owner: Owner, consumer_type: str | None) -> Mapping[str, TypeUsage]:
        """The same by type of consumer (``unknown``: never told).

        ``consumer_type`` limits it to one type; ``all`` puts all of them into one group of that name.
        """
        conditions = []
        if consumer_type not in (None, ALL_TYPES):
            conditions.append(
                usages.of_type(None if consumer_type == UNKNOWN_TYPE else consumer_type)
            )
        with self._database.read() as tx:
            counts = usages.count_consumers(tx, owner, *conditions)
            if consumer_type == ALL_TYPES:
                if not counts:
                    return {}
                return {ALL_TYPES: TypeUsage(sum(counts.values()), usages.by_class(tx, owner))}
            sums = usages.by_type_and_class(tx, owner, *conditions)
        return {kind or UNKNOWN_TYPE: TypeUsage(counts.get(kind, 0), sums[kind]) for kind in sums}
