"""A partly filled request: which providers were chosen so far, and whether one more may be."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from placement.candidates.request import UNSUFFIXED, CandidateRequest
from tests.unit.placement.plain.slots import Slot
from tests.unit.placement.plain.world import Node


class Assignment:
    """Providers for the first slots, in the order of the slots; every rule holds among them at all times."""

    def __init__(self, request: CandidateRequest, slots: Sequence[Slot]) -> None:
        self.chosen: list[Node] = []
        self._request = request
        self._slots = slots
        self._taken: dict[tuple[Node, str], int] = {}
        self._unsuffixed_traits = next(
            (group.required for group in request.groups if group.suffix == UNSUFFIXED), None
        )

    def place(self, node: Node) -> bool:
        """Choose the provider for the next slot; False, and nothing changes, when that breaks a rule."""
        slot = self._slots[len(self.chosen)]
        if not (
            self._may_stand_apart(slot, node)
            and self._may_share_tree(node)
            and self._has_room(slot, node)
            and self._keeps_subtrees(slot, node)
        ):
            return False
        for name, amount in slot.resources.items():
            self._taken[node, name] = self._taken.get((node, name), 0) + amount
        self.chosen.append(node)
        return True

    def take_back(self) -> None:
        """Undo the latest choice."""
        node = self.chosen.pop()
        for name, amount in self._slots[len(self.chosen)].resources.items():
            self._taken[node, name] -= amount

    def is_complete(self) -> bool:
        """Whether, all slots being filled, the providers of the unsuffixed group have its traits together."""
        asked = self._unsuffixed_traits
        if asked is None:
            return True
        nodes = (node for slot, node in self._filled() if slot.suffix == UNSUFFIXED)
        return asked.wanted_in(frozenset(trait for node in nodes for trait in node.traits))

    def _filled(self) -> Iterable[tuple[Slot, Node]]:
        return zip(self._slots, self.chosen, strict=False)

    def _may_stand_apart(self, slot: Slot, node: Node) -> bool:
        """``group_policy=isolate``: it speaks of suffixed groups, also of those that take nothing."""
        if not self._request.isolate or slot.suffix == UNSUFFIXED:
            return True
        return all(
            other is not node or filled.suffix == UNSUFFIXED for filled, other in self._filled()
        )

    def _may_share_tree(self, node: Node) -> bool:
        if self._request.spreads:
            return True
        return all(other is node or other.root is not node.root for other in self.chosen)

    def _has_room(self, slot: Slot, node: Node) -> bool:
        """Several groups at one provider are one claim there: their sum has to fit in every respect."""
        for name, amount in slot.resources.items():
            taken = self._taken.get((node, name), 0)
            if taken and not node.stocks[name].fits(taken + amount):
                return False
        return True

    def _keeps_subtrees(self, slot: Slot, node: Node) -> bool:
        """``same_subtree``: some provider, chosen or yet to choose, is at the top of all that are chosen."""
        for suffixes in self._request.same_subtrees:
            if slot.suffix not in suffixes:
                continue
            chosen = [other for filled, other in self._filled() if filled.suffix in suffixes]
            chosen.append(node)
            common = set(node.lineage).intersection(*(other.lineage for other in chosen))
            open_slots = self._slots[len(self.chosen) + 1 :]
            if common.isdisjoint(chosen) and all(
                common.isdisjoint(later.options) for later in open_slots if later.suffix in suffixes
            ):
                return False
        return True
