"""All ways to fill the slots of a request in trees that look alike, found one at a time.

Providers are positions in the tree (see ``Shape``); one tree stands for all with the same shape and the same codes,
because whatever decides about a choice is in these. Slots are filled depth first, and a branch is left as soon as a
rule is broken. Among providers that are the same in every respect, one that leads nowhere speaks for the others, so
that many identical devices cost no more than one.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from placement.candidates.index.index import Index
from placement.candidates.index.trees import Tree
from placement.candidates.plan import Plan, Slot
from placement.candidates.request import UNSUFFIXED


@dataclass(frozen=True, slots=True, eq=False)
class Solution:
    """One way to meet the request: amounts by position, and the positions that serve each group.

    ``only_sharing``: nothing but sharing providers is used, so that other trees may give the same answer.
    """

    resources: tuple[tuple[int, tuple[tuple[str, int], ...]], ...]
    mappings: tuple[tuple[str, tuple[int, ...]], ...]
    only_sharing: bool


class Solutions:
    """The solutions for trees that look alike: computed once, as far as anybody has asked."""

    def __init__(self, found: Iterator[Solution]) -> None:
        self._known: list[Solution] = []
        self._rest: Iterator[Solution] | None = found

    def __iter__(self) -> Iterator[Solution]:
        number = 0
        while number < len(self._known) or self._knows_one_more():
            yield self._known[number]
            number += 1

    def when_few(self, count: int) -> tuple[Solution, ...] | None:
        """All of them, if there are no more than so many and at least one; no more than that are looked for."""
        while len(self._known) <= count:
            if not self._knows_one_more():
                return tuple(self._known) or None
        return None

    def _knows_one_more(self) -> bool:
        if self._rest is not None:
            for one in self._rest:
                self._known.append(one)
                return True
            self._rest = None
        return False


class Filling:
    """A partly filled request in one tree."""

    def __init__(
        self,
        index: Index,
        plan: Plan,
        tree: Tree,
        codes: Sequence[int],
        chance: random.Random | None,
    ) -> None:
        """``codes`` by position; with ``chance`` the solutions come in random order."""
        self._request = plan.request
        self._shape = tree.shape
        self._facts = [index.fact(row) for row in tree.usable]
        options = {slot: self._options(slot, tree, chance) for slot in plan.slots}
        # The slot with the fewest options first: what cannot be met is found out soon.
        self._slots = sorted(plan.slots, key=lambda slot: len(options[slot]))
        self._options_of = [options[slot] for slot in self._slots]
        self._kinds = self._kinds_by(codes)
        self._together = [
            sum(1 << number for number, mask in enumerate(plan.together) if mask[row])
            for row in tree.usable
        ]
        self._all_together = (1 << len(plan.together)) - 1
        self._chosen: list[int] = []
        self._uses = [0] * len(tree.usable)
        self._taken: dict[tuple[int, str], int] = {}

    @staticmethod
    def _options(slot: Slot, tree: Tree, chance: random.Random | None) -> list[int]:
        found = [number for number, row in enumerate(tree.usable) if slot.options[row]]
        if chance is not None:
            chance.shuffle(found)
        return found

    def _kinds_by(self, codes: Sequence[int]) -> list[object]:
        """By position; positions of one kind can change places and nothing else changes."""
        above = 0
        for number, line in enumerate(self._shape.lineage):
            above |= line & ~(1 << number)
        kinds: list[object] = []
        for number, (code, line) in enumerate(zip(codes, self._shape.lineage, strict=True)):
            is_leaf = not above & 1 << number
            kinds.append(
                (code, self._shape.origin[number], line ^ 1 << number) if is_leaf else number
            )
        return kinds

    def solutions(self) -> Iterator[Solution]:
        """Each solution once. To be used up, or dropped, by one user."""
        if self._lacks_room():
            return
        told: set[object] = set()
        remembers = len(self._request.groups) > 1 and not self._request.tells_mappings
        for _ in self._fill(0):
            if self._lacks_traits():
                continue
            solution = self._solution()
            if remembers:
                # Groups that change places give an answer that looks the same.
                key = frozenset(
                    (place, frozenset(amounts)) for place, amounts in solution.resources
                )
                if key in told:
                    continue
                told.add(key)
            yield solution

    def _lacks_room(self) -> bool:
        """Whether the sum asked of some class is more than all providers in question have left."""
        asked: dict[str, int] = {}
        having: dict[str, set[int]] = {}
        for slot, options in zip(self._slots, self._options_of, strict=True):
            for name, amount in slot.resources.items():
                asked[name] = asked.get(name, 0) + amount
                having.setdefault(name, set()).update(options)
        return any(amount > self._room(having[name], name) for name, amount in asked.items())

    def _room(self, places: set[int], name: str) -> int:
        stocks = (self._facts[place].stock_of(name) for place in places)
        return sum(min(s.capacity - s.used, s.max_unit) for s in stocks if s is not None)

    def _fill(self, depth: int) -> Iterator[None]:
        """Comes back with each allowed choice of one provider per slot in ``_chosen``."""
        if depth == len(self._slots):
            yield
            return
        hopeless: set[object] = set()
        for place in self._options_of[depth]:
            untouched = not self._uses[place]
            if untouched and self._kinds[place] in hopeless:
                continue
            found = False
            if self._put(place, depth):
                for _ in self._fill(depth + 1):
                    found = True
                    yield
                self._take_back(depth)
            if untouched and not found:
                hopeless.add(self._kinds[place])

    def _put(self, place: int, depth: int) -> bool:
        """Choose a provider for the next slot; False, and nothing changes, when that breaks a rule."""
        slot = self._slots[depth]
        if not (
            self._may_stand_apart(slot, place)
            and self._may_share_tree(place)
            and self._has_room(slot, place)
            and self._keeps_subtrees(slot, place, depth)
        ):
            return False
        for name, amount in slot.resources.items():
            self._taken[place, name] = self._taken.get((place, name), 0) + amount
        self._chosen.append(place)
        self._uses[place] += 1
        return True

    def _take_back(self, depth: int) -> None:
        place = self._chosen.pop()
        self._uses[place] -= 1
        for name, amount in self._slots[depth].resources.items():
            self._taken[place, name] -= amount

    def _may_stand_apart(self, slot: Slot, place: int) -> bool:
        """``group_policy=isolate``: it speaks of suffixed groups, also of those that take nothing."""
        if not self._request.isolate or slot.suffix == UNSUFFIXED:
            return True
        return not self._uses[place] or all(
            other != place or filled.suffix == UNSUFFIXED
            for filled, other in zip(self._slots, self._chosen, strict=False)
        )

    def _may_share_tree(self, place: int) -> bool:
        if self._request.spreads:
            return True
        origin = self._shape.origin
        return all(other == place or origin[other] != origin[place] for other in self._chosen)

    def _has_room(self, slot: Slot, place: int) -> bool:
        """Several groups at one provider are one claim there: their sum has to fit in every respect."""
        if not self._uses[place]:
            return True
        for name, amount in slot.resources.items():
            taken = self._taken.get((place, name), 0)
            if taken:
                stock = self._facts[place].stock_of(name)
                if stock is None or not stock.fits(taken + amount):
                    return False
        return True

    def _keeps_subtrees(self, slot: Slot, place: int, depth: int) -> bool:
        """``same_subtree``: some provider, chosen or yet to choose, is at the top of all that are chosen."""
        for suffixes in self._request.same_subtrees:
            if slot.suffix not in suffixes:
                continue
            common, tops = self._shape.lineage[place], 1 << place
            for filled, other in zip(self._slots, self._chosen, strict=False):
                if filled.suffix in suffixes:
                    common &= self._shape.lineage[other]
                    tops |= 1 << other
            for later in range(depth + 1, len(self._slots)):
                if self._slots[later].suffix in suffixes:
                    tops |= sum(1 << option for option in self._options_of[later])
            if not common & tops:
                return False
        return True

    def _lacks_traits(self) -> bool:
        """Whether the providers of the unsuffixed group do not have its traits together."""
        if not self._all_together:
            return False
        carried = 0
        for slot, place in zip(self._slots, self._chosen, strict=True):
            if slot.suffix == UNSUFFIXED:
                carried |= self._together[place]
        return carried != self._all_together

    def _solution(self) -> Solution:
        resources: dict[int, dict[str, int]] = {}
        mappings: dict[str, dict[int, None]] = {}
        for slot, place in zip(self._slots, self._chosen, strict=True):
            mappings.setdefault(slot.suffix, {})[place] = None
            for name, amount in slot.resources.items():
                amounts = resources.setdefault(place, {})
                amounts[name] = amounts.get(name, 0) + amount
        return Solution(
            tuple((place, tuple(amounts.items())) for place, amounts in resources.items()),
            tuple((suffix, tuple(places)) for suffix, places in mappings.items()),
            all(self._shape.sharing & 1 << place for place in resources),
        )
