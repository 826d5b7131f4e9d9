"""The search: which providers could serve which group, tree by tree, found one at a time.

Each tree in turn is the anchor; its providers and the sharing providers that serve it may be used. A request becomes
*slots* to fill: one per resource class of the unsuffixed group, one per suffixed group. Slots are filled depth first
and a branch is left as soon as a rule is broken, so the first answers cost little however many there are.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from placement.candidates.request import CandidateRequest
from placement.candidates.search import Order
from tests.unit.placement.plain.assignment import Assignment
from tests.unit.placement.plain.slots import AskedRoots, Slot, lacks_room, slots_of
from tests.unit.placement.plain.world import Node, Tree, World


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way to meet the request: amounts by provider and class, and who serves which group."""

    resources: Mapping[Node, Mapping[str, int]]
    mappings: Mapping[str, tuple[Node, ...]]


def search(world: World, request: CandidateRequest, order: Order) -> Iterator[Candidate]:
    """The candidates, each once, as many as were asked for. Equal worlds give equal answers unless shuffled."""
    chance = random.Random() if order.shuffle else None
    trees = list(world.trees.values())
    if chance:
        chance.shuffle(trees)
    asked_roots = _asked_roots(world, request)
    per_tree = (_search_tree(tree, request, asked_roots, chance) for tree in trees)
    found = (
        _take_turns(per_tree) if order.breadth_first else (one for some in per_tree for one in some)
    )
    bounds = [bound for bound in (request.limit, order.at_most) if bound is not None]
    return islice(_each_once(found, request), min(bounds, default=None))


def _asked_roots(world: World, request: CandidateRequest) -> AskedRoots:
    named = {group.in_tree for group in request.groups if group.in_tree is not None}
    return {uuid: world.nodes[uuid].root if uuid in world.nodes else None for uuid in named}


def _search_tree(
    tree: Tree, request: CandidateRequest, asked_roots: AskedRoots, chance: random.Random | None
) -> Iterator[tuple[Tree, Candidate]]:
    if not request.root_required.met_by(tree.root.traits):
        return
    slots = slots_of(tree, request, asked_roots)
    if slots is None or lacks_room(slots):
        return
    if chance:
        slots = [slot.shuffled(chance) for slot in slots]
    for chosen in _fill(slots, Assignment(request, slots)):
        yield tree, _candidate(slots, chosen)


def _fill(slots: Sequence[Slot], state: Assignment) -> Iterator[Sequence[Node]]:
    """Every allowed choice of one provider per slot."""
    if len(state.chosen) == len(slots):
        if state.is_complete():
            yield tuple(state.chosen)
        return
    for node in slots[len(state.chosen)].options:
        if state.place(node):
            yield from _fill(slots, state)
            state.take_back()


def _candidate(slots: Sequence[Slot], chosen: Sequence[Node]) -> Candidate:
    resources: dict[Node, dict[str, int]] = {}
    mappings: dict[str, dict[Node, None]] = {}
    for slot, node in zip(slots, chosen, strict=True):
        mappings.setdefault(slot.suffix, {})[node] = None
        for name, amount in slot.resources.items():
            amounts = resources.setdefault(node, {})
            amounts[name] = amounts.get(name, 0) + amount
    return Candidate(resources, {suffix: tuple(nodes) for suffix, nodes in mappings.items()})


def _take_turns(
    per_tree: Iterable[Iterator[tuple[Tree, Candidate]]],
) -> Iterator[tuple[Tree, Candidate]]:
    waiting = deque(per_tree)
    while waiting:
        some = waiting.popleft()
        for one in some:
            yield one
            waiting.append(some)
            break


def _each_once(
    found: Iterable[tuple[Tree, Candidate]], request: CandidateRequest
) -> Iterator[Candidate]:
    """Leave out what was given already.

    The same answer comes from two trees only when it uses nothing but sharing providers, and twice from one tree
    only when several groups can change places unseen; all others need not be remembered.
    """
    several = len(request.groups) > 1 and not request.tells_mappings
    seen: set[object] = set()
    for _tree, candidate in found:
        # A provider that does not share can be reached from its own tree only.
        if several or all(node.shares for node in candidate.resources):
            key = _key(candidate, request)
            if key in seen:
                continue
            seen.add(key)
        yield candidate


def _key(candidate: Candidate, request: CandidateRequest) -> object:
    resources = frozenset(
        (node.id, frozenset(amounts.items())) for node, amounts in candidate.resources.items()
    )
    if not request.tells_mappings:
        return resources
    mappings = frozenset(
        (suffix, frozenset(node.id for node in nodes))
        for suffix, nodes in candidate.mappings.items()
    )
    return resources, mappings
