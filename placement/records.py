"""The values that pass between the rooms of Placement; none of them knows HTTP or SQL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from placement.grammar import AggregatesAsked, TraitsAsked

# What an amount can be at most: the width of the columns, and of max_unit, beyond which nothing fits.
LARGEST_AMOUNT = 2147483647


@dataclass(frozen=True, slots=True)
class Provider:
    """One resource provider as stored; a root is its own root."""

    id: int
    uuid: str
    name: str
    generation: int
    parent_uuid: str | None
    root_uuid: str
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Inventory:
    """What a provider offers of one resource class."""

    resource_class: str
    total: int
    reserved: int = 0
    min_unit: int = 1
    max_unit: int = LARGEST_AMOUNT
    step_size: int = 1
    allocation_ratio: float = 1.0
    updated_at: datetime | None = None

    @property
    def capacity(self) -> int:
        """How much can be held in sum, rounded down."""
        return int((self.total - self.reserved) * self.allocation_ratio)

    def takes(self, amount: int) -> bool:
        """Whether one consumer may hold ``amount``, however full the provider is."""
        return self.min_unit <= amount <= self.max_unit and amount % self.step_size == 0


@dataclass(frozen=True, slots=True)
class Named:
    """A resource class or a trait."""

    id: int
    name: str
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Consumer:
    """Somebody who holds allocations; the record lives as long as they do."""

    id: int
    uuid: str
    project_id: str
    user_id: str
    consumer_type: str | None
    generation: int


@dataclass(frozen=True, slots=True)
class Allocation:
    """What one consumer holds of one class at one provider."""

    consumer_uuid: str
    provider_uuid: str
    resource_class: str
    used: int
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Claim:
    """What a consumer shall hold from now on, in place of everything it held before.

    ``resources`` maps provider uuid to class to amount; empty means nothing, so that the consumer's record goes.
    ``expected_generation`` is checked only when ``check_generation`` is set: None then means that there must be no
    record of the consumer yet. Without a ``consumer_type`` the stored one is kept, and so are project and user when
    those given are only the operator's placeholders for old clients.
    """

    consumer_uuid: str
    resources: Mapping[str, Mapping[str, int]]
    project_id: str
    user_id: str
    consumer_type: str | None = None
    owner_is_placeholder: bool = False
    check_generation: bool = False
    expected_generation: int | None = None


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose usage is asked for: a project, or one user in it."""

    project_id: str
    user_id: str | None = None


@dataclass(frozen=True, slots=True)
class ProviderQuery:
    """Conditions on the provider itself; those left out do not count."""

    name: str | None = None
    uuid: str | None = None
    in_tree: str | None = None
    member_of: AggregatesAsked = field(default_factory=AggregatesAsked)
    required: TraitsAsked = field(default_factory=TraitsAsked)
    resources: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TraitQuery:
    """Conditions on traits; None does not count. ``associated``: carried by some provider, or by none."""

    names: frozenset[str] | None = None
    prefix: str | None = None
    associated: bool | None = None
