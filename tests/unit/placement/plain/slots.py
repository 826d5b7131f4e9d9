"""The slots of a request in one tree, with the providers that could fill each on its own."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from placement.candidates.request import UNSUFFIXED, CandidateRequest, Group
from placement.grammar import AggregatesAsked
from tests.unit.placement.plain.world import Node, Tree

# The root of each tree that an ``in_tree`` names; None when no provider has that uuid.
AskedRoots = Mapping[str, Node | None]


@dataclass(frozen=True, slots=True)
class Slot:
    """Something that exactly one provider has to serve."""

    suffix: str
    resources: Mapping[str, int]
    options: tuple[Node, ...]

    def shuffled(self, chance: random.Random) -> Slot:
        """The same with its options in another order."""
        return replace(self, options=tuple(chance.sample(self.options, len(self.options))))


def slots_of(tree: Tree, request: CandidateRequest, asked_roots: AskedRoots) -> list[Slot] | None:
    """The slots, those with the fewest options first; None when one has none, or the tree lacks a trait."""
    usable = (*tree.nodes, *tree.served_by)
    slots: list[Slot] = []
    for group in request.groups:
        suitable = [node for node in usable if _suits(node, group, asked_roots)]
        if group.suffix == UNSUFFIXED:
            found = [
                Slot(UNSUFFIXED, {name: amount}, _with_room(suitable, {name: amount}))
                for name, amount in group.resources.items()
            ]
            # The traits may be spread over the providers used; if all together lack one, so does every choice.
            carried = frozenset(
                trait for slot in found for node in slot.options for trait in node.traits
            )
            if not group.required.wanted_in(carried):
                return None
        else:
            alone = [node for node in suitable if group.required.wanted_in(node.traits)]
            found = [Slot(group.suffix, group.resources, _with_room(alone, group.resources))]
        if not all(slot.options for slot in found):
            return None
        slots += found
    return sorted(slots, key=lambda slot: len(slot.options))


def lacks_room(slots: Sequence[Slot]) -> bool:
    """Whether the sum asked of some class is more than all providers in question have left."""
    asked: dict[str, int] = {}
    having: dict[str, set[Node]] = {}
    for slot in slots:
        for name, amount in slot.resources.items():
            asked[name] = asked.get(name, 0) + amount
            having.setdefault(name, set()).update(slot.options)
    return any(amount > _room(having[name], name) for name, amount in asked.items())


def _room(nodes: Iterable[Node], name: str) -> int:
    stocks = [node.stocks[name] for node in nodes]
    return sum(min(s.inventory.capacity - s.used, s.inventory.max_unit) for s in stocks)


def _suits(node: Node, group: Group, asked_roots: AskedRoots) -> bool:
    """Whether nothing about the node, traits that it should have aside, keeps it from serving the group."""
    if not group.required.none_of.isdisjoint(node.traits):
        return False
    if group.in_tree is not None and asked_roots[group.in_tree] is not node.root:
        return False
    return _is_member(node, group.member_of, with_root=group.suffix == UNSUFFIXED)


def _is_member(node: Node, asked: AggregatesAsked, *, with_root: bool) -> bool:
    """An aggregate on a root counts for its whole tree in the unsuffixed group, and for itself alone elsewhere."""
    return asked.met_by(node.aggregates | node.root.aggregates if with_root else node.aggregates)


def _with_room(nodes: Iterable[Node], amounts: Mapping[str, int]) -> tuple[Node, ...]:
    return tuple(
        node
        for node in nodes
        if all(name in node.stocks and node.stocks[name].fits(n) for name, n in amounts.items())
    )
