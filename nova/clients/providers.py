"""What Placement says of providers and consumers, as values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Generic, TypeVar

T = TypeVar("T")

# The largest amount that Placement takes; also what "no bound" means in max_unit.
MAX_UNIT = 2147483647


@dataclass(frozen=True, slots=True)
class Provider:
    """A resource provider; ``parent`` is None for a root, whose ``root`` is itself."""

    uuid: str
    name: str
    generation: int
    parent: str | None
    root: str


@dataclass(frozen=True, slots=True)
class Inventory:
    """What a provider has of one class; capacity is (total - reserved) * allocation_ratio."""

    total: int
    reserved: int = 0
    min_unit: int = 1
    max_unit: int = MAX_UNIT
    step_size: int = 1
    allocation_ratio: float = 1.0


@dataclass(frozen=True, slots=True)
class Versioned(Generic[T]):
    """Something of a provider together with the provider's generation at which it is true."""

    generation: int
    value: T


@dataclass(frozen=True, slots=True)
class Allocation:
    """What a consumer holds: provider uuid -> class -> amount."""

    consumer: str
    resources: Mapping[str, Mapping[str, int]]
    project_id: str
    user_id: str
    consumer_generation: int
    consumer_type: str


@dataclass(frozen=True, slots=True)
class Usage:
    """What the consumers of one type use together."""

    consumers: int
    resources: Mapping[str, int]


def parse_provider(body: Mapping[str, Any]) -> Provider:
    """Read a provider as of Placement 1.14 and later."""
    return Provider(
        uuid=body["uuid"],
        name=body["name"],
        generation=body["generation"],
        parent=body["parent_provider_uuid"],
        root=body["root_provider_uuid"],
    )


def parents_first(providers: Iterable[Provider]) -> tuple[Provider, ...]:
    """The providers of one tree in an order where none comes before its parent."""
    waiting = {provider.uuid: provider for provider in providers}
    ordered: list[Provider] = []
    while waiting:
        ready = [p for p in waiting.values() if p.parent not in waiting]
        for provider in ready or waiting.values():
            ordered.append(provider)
        waiting = {u: p for u, p in waiting.items() if p not in ordered}
    return tuple(ordered)


def parse_inventories(body: Mapping[str, Any]) -> dict[str, Inventory]:
    """Read the ``inventories`` object of an answer."""
    return {
        name: Inventory(
            total=found["total"],
            reserved=found["reserved"],
            min_unit=found["min_unit"],
            max_unit=found["max_unit"],
            step_size=found["step_size"],
            allocation_ratio=found["allocation_ratio"],
        )
        for name, found in body.items()
    }


def inventories_body(inventories: Mapping[str, Inventory]) -> dict[str, Any]:
    """The ``inventories`` object of a request."""
    return {name: asdict(inventory) for name, inventory in inventories.items()}


def parse_allocation(consumer: str, body: Mapping[str, Any]) -> Allocation | None:
    """Read ``GET /allocations/{consumer}`` of 1.38 and later; None when nothing is held."""
    if not body["allocations"]:
        return None
    return Allocation(
        consumer=consumer,
        resources={uuid: on["resources"] for uuid, on in body["allocations"].items()},
        project_id=body["project_id"],
        user_id=body["user_id"],
        consumer_generation=body["consumer_generation"],
        consumer_type=body["consumer_type"],
    )


def parse_usage(body: Mapping[str, int]) -> Usage:
    """Read one consumer type of ``GET /usages`` of 1.38 and later."""
    return Usage(
        consumers=body["consumer_count"],
        resources={name: amount for name, amount in body.items() if name != "consumer_count"},
    )
