"""One provider as the database has it, before its place in a tree is known."""

from __future__ import annotations

from dataclasses import dataclass

SHARING = "MISC_SHARES_VIA_AGGREGATE"


@dataclass(frozen=True, slots=True)
class Stock:
    """What a provider has of one class, and how much of it is taken."""

    resource_class: str
    capacity: int
    min_unit: int
    max_unit: int
    step_size: int
    used: int

    def fits(self, amount: int) -> bool:
        """Whether this much can be claimed now, by one consumer."""
        return (
            self.min_unit <= amount <= self.max_unit
            and amount % self.step_size == 0
            and self.used + amount <= self.capacity
        )


@dataclass(frozen=True, slots=True)
class Fact:
    """One provider; traits and aggregates are sorted, each once."""

    id: int
    uuid: str
    parent_id: int | None
    stocks: tuple[Stock, ...] = ()
    traits: tuple[str, ...] = ()
    aggregates: tuple[str, ...] = ()

    @property
    def shares(self) -> bool:
        """Whether it serves the trees that have a member in one of its aggregates."""
        return SHARING in self.traits

    def stock_of(self, resource_class: str) -> Stock | None:
        """What it has of the class; None when it offers none."""
        for stock in self.stocks:
            if stock.resource_class == resource_class:
                return stock
        return None
