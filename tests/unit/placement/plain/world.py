"""What there is: all providers with what they have and how full they are, as plain values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from placement.records import Inventory

SHARING = "MISC_SHARES_VIA_AGGREGATE"


@dataclass(frozen=True, slots=True)
class Stock:
    """What a provider has of one class, and how much of it is taken."""

    inventory: Inventory
    used: int

    def fits(self, amount: int) -> bool:
        """Whether this much can be claimed now, by one consumer."""
        return self.inventory.takes(amount) and self.used + amount <= self.inventory.capacity


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """One provider; ``above`` are its ancestors, the root first. Nodes are the same only when they are one object."""

    id: int
    uuid: str
    above: tuple[Node, ...]
    stocks: Mapping[str, Stock]
    traits: frozenset[str]
    aggregates: frozenset[str]

    @property
    def root(self) -> Node:
        """The top of the tree."""
        return self.above[0] if self.above else self

    @property
    def parent(self) -> Node | None:
        """The provider right above; None for a root."""
        return self.above[-1] if self.above else None

    @property
    def lineage(self) -> tuple[Node, ...]:
        """The ancestors and the node itself."""
        return (*self.above, self)

    @property
    def shares(self) -> bool:
        """Whether it serves the trees that have a member in one of its aggregates."""
        return SHARING in self.traits


@dataclass(frozen=True, slots=True, eq=False)
class Tree:
    """One tree, parents before children; its providers and the sharing ones from outside that serve it."""

    root: Node
    nodes: tuple[Node, ...]
    served_by: tuple[Node, ...]


@dataclass(frozen=True, slots=True, eq=False)
class World:
    """All trees by their roots, in the order in which these were made, and all providers by uuid."""

    trees: Mapping[Node, Tree]
    nodes: Mapping[str, Node]


@dataclass(frozen=True, slots=True)
class Fact:
    """One provider before its place in the tree is known."""

    id: int
    uuid: str
    parent_id: int | None
    stocks: Mapping[str, Stock]
    traits: frozenset[str] = frozenset()
    aggregates: frozenset[str] = frozenset()


def build_world(facts: Iterable[Fact]) -> World:
    """The trees that these providers form; those whose parent is missing are left out with all below them."""
    nodes: dict[int, Node] = {}
    members: dict[Node, list[Node]] = {}
    for fact in _parents_first(facts):
        above = nodes[fact.parent_id].lineage if fact.parent_id is not None else ()
        node = Node(fact.id, fact.uuid, above, fact.stocks, fact.traits, fact.aggregates)
        nodes[fact.id] = node
        members.setdefault(node.root, []).append(node)
    sharing: dict[str, list[Node]] = {}
    for node in nodes.values():
        if node.shares:
            for aggregate in node.aggregates:
                sharing.setdefault(aggregate, []).append(node)
    return World(
        {
            root: Tree(root, tuple(found), _served_by(found, sharing))
            for root, found in members.items()
        },
        {node.uuid: node for node in nodes.values()},
    )


def _served_by(members: Iterable[Node], sharing: Mapping[str, list[Node]]) -> tuple[Node, ...]:
    own = set(members)
    found = {
        node
        for member in own
        for aggregate in member.aggregates
        for node in sharing.get(aggregate, ())
        if node not in own
    }
    return tuple(sorted(found, key=lambda node: node.id))


def _parents_first(facts: Iterable[Fact]) -> Iterable[Fact]:
    """Level by level: a child may be older than the parent it was moved under."""
    children: dict[int | None, list[Fact]] = {}
    for fact in facts:
        children.setdefault(fact.parent_id, []).append(fact)
    level = children.get(None, [])
    while level:
        yield from level
        level = [child for fact in level for child in children.get(fact.id, ())]
