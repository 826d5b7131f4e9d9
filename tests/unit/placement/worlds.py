"""Small worlds for tests of the search."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from placement.candidates.index import facts
from placement.candidates.index.index import Index
from placement.candidates.request import CandidateRequest, Group
from placement.candidates.search import Order, search
from placement.grammar import TraitsAsked
from placement.records import Inventory
from tests.unit.placement.plain.world import SHARING, Fact, Stock, World, build_world


@dataclass(frozen=True, slots=True)
class Candidate:
    """What the search found, by name: amounts by provider, and who serves which group."""

    resources: Mapping[str, Mapping[str, int]]
    mappings: Mapping[str, tuple[str, ...]]


class Builder:
    """Collects providers; names serve as uuids."""

    def __init__(self) -> None:
        self._facts: list[Fact] = []
        self._ids: dict[str, int] = {}

    def add(
        self,
        name: str,
        stocks: Mapping[str, Stock | int] | None = None,
        *,
        under: str | None = None,
        traits: Iterable[str] = (),
        aggregates: Iterable[str] = (),
    ) -> Builder:
        """A provider; a stock that is a number is the total of an empty inventory."""
        self._ids[name] = len(self._ids) + 1
        full = {
            key: stock if isinstance(stock, Stock) else Stock(Inventory(key, stock), 0)
            for key, stock in (stocks or {}).items()
        }
        parent_id = self._ids[under] if under else None
        self._facts.append(
            Fact(self._ids[name], name, parent_id, full, frozenset(traits), frozenset(aggregates))
        )
        return self

    def world(self) -> Index:
        """The index over these providers."""
        index = Index()
        index.apply(indexed(fact) for fact in self._facts)
        return index

    def plain_world(self) -> World:
        """The same for the plain search."""
        return build_world(self._facts)


def indexed(fact: Fact) -> facts.Fact:
    """The same provider as the index takes it."""
    return facts.Fact(
        fact.id,
        fact.uuid,
        fact.parent_id,
        tuple(
            facts.Stock(
                name,
                stock.inventory.capacity,
                stock.inventory.min_unit,
                stock.inventory.max_unit,
                stock.inventory.step_size,
                stock.used,
            )
            for name, stock in fact.stocks.items()
        ),
        tuple(sorted(fact.traits)),
        tuple(sorted(fact.aggregates)),
    )


def group(
    suffix: str = "",
    *,
    required: Iterable[str] = (),
    any_of: Iterable[Iterable[str]] = (),
    forbidden: Iterable[str] = (),
    in_tree: str | None = None,
    **resources: int,
) -> Group:
    """One request group."""
    asked = TraitsAsked(
        frozenset(required), tuple(frozenset(some) for some in any_of), frozenset(forbidden)
    )
    return Group(suffix, resources, asked, in_tree=in_tree)


def find(index: Index, request: CandidateRequest, order: Order | None = None) -> list[Candidate]:
    """All candidates."""
    found = []
    for tree, solution in search(index, request, order or Order()):
        names = [index.fact(row).uuid for row in tree.usable]
        found.append(
            Candidate(
                {names[place]: dict(amounts) for place, amounts in solution.resources},
                {
                    suffix: tuple(names[place] for place in places)
                    for suffix, places in solution.mappings
                },
            )
        )
    return found


def plain(candidate: Candidate) -> dict[str, dict[str, int]]:
    """The amounts of a candidate by provider name."""
    return {name: dict(amounts) for name, amounts in candidate.resources.items()}


def plain_mappings(candidate: Candidate) -> dict[str, tuple[str, ...]]:
    """Who serves which group, by name."""
    return {suffix: tuple(sorted(names)) for suffix, names in candidate.mappings.items()}


def as_set(found: Iterable[Candidate]) -> set[frozenset[tuple[str, frozenset[tuple[str, int]]]]]:
    """Comparable, whatever the order."""
    return {
        frozenset((name, frozenset(amounts.items())) for name, amounts in plain(one).items())
        for one in found
    }


def numa_host(builder: Builder, name: str, *, devices: int = 2) -> Builder:
    """A host with two NUMA nodes of 4 VCPU and 100 MEMORY_MB, each with some devices of one VF."""
    builder.add(name, traits=["HOST"])
    for side in "ab":
        numa = f"{name}-{side}"
        builder.add(numa, {"VCPU": 4, "MEMORY_MB": 100}, under=name, traits=["NUMA"])
        for number in range(devices):
            builder.add(f"{numa}{number}", {"VF": 1}, under=numa, traits=[f"NET_{side.upper()}"])
    return builder


SHARES = SHARING
