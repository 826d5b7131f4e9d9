"""Why there are no more candidates: what each demand removed, and what would have to give way for one to appear."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from placement.candidates import constraints
from placement.candidates.constraints import Constraint, mask_of, trees_having
from placement.candidates.index.columns import Mask
from placement.candidates.index.index import Index
from placement.candidates.plan import root_constraints
from placement.candidates.relaxing import Change, smallest_changes
from placement.candidates.request import UNSUFFIXED, CandidateRequest, Group
from placement.candidates.search import roots_with_candidates

_Bind = Callable[[CandidateRequest], CandidateRequest]


@dataclass(frozen=True, slots=True)
class Effect:
    """What one demand does, as the query puts it (``required1=!TRAIT``: key ``required1``, value ``!TRAIT``).

    *alone*: providers that do not meet it, and trees in which nobody does, whatever else is asked. The others count
    in the order of the list: providers that met all before it in their group and not this, trees that were left and
    are not any more. ``providers`` is None for demands on a whole tree. ``removed`` holds the rows of the roots of
    those trees.
    """

    key: str
    value: str
    providers_alone: int | None
    trees_alone: int
    providers: int | None
    trees: int
    trees_left: int
    removed: tuple[int, ...] = field(default=(), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Explanation:
    """``candidate_trees`` have at least one candidate, ``candidates`` are the rows of their roots. ``changes`` is empty
    when there are any.
    """

    providers: int
    trees: int
    effects: tuple[Effect, ...]
    candidate_trees: int
    changes: tuple[Change, ...]
    candidates: tuple[int, ...] = field(default=(), compare=False, repr=False)


def explain(index: Index, request: CandidateRequest) -> Explanation:
    """The story of a request; ``limit`` plays no part in it."""
    request = replace(request, limit=None)
    trail = _Trail(index)
    for constraint in root_constraints(index, request):
        trail.add_root(constraint)
    for group in request.groups:
        trail.add_group(group)
    effects = [*trail.effects, *_rules_on_all(index, request, trail)]
    found = effects[-1].trees_left
    changes = () if found else tuple(smallest_changes(index, request))
    left = trail.roots.copy()
    for effect in effects:
        left[list(effect.removed)] = False
    return Explanation(
        int(index.placed.sum()), trail.trees, tuple(effects), found, changes, _rows(left)
    )


class _Trail:
    """Follows the trees that are left, demand by demand."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self.roots: Mask = index.root_rows == np.arange(index.size)
        self.trees = int(self.roots.sum())
        self.left = self.roots.copy()
        self.effects: list[Effect] = []

    def add_root(self, constraint: Constraint) -> None:
        """A demand on roots."""
        self._tell(constraint, constraint.met, constraint.met, None, None)

    def add_group(self, group: Group) -> None:
        """The demands of one request group."""
        index, key = self._index, f"required{group.suffix}"
        mask = index.placed
        common = constraints.place_of(index, group)
        common += constraints.traits_unwanted(index, group.required, key)
        wanted = constraints.traits_wanted(index, group.required, key)
        room = constraints.room_for(index, group)
        if group.suffix == UNSUFFIXED:
            for constraint in common:
                mask = self._narrow(constraint, mask)
            # Several providers of a tree may serve it: one for each class, with the traits spread over them.
            options = [self._narrow(constraint, mask) for constraint in room]
            together = np.logical_or.reduce(options) if options else mask
            for constraint in wanted:
                self._narrow(constraint, together)
        else:
            for constraint in [*common, *wanted, *room]:
                mask = self._narrow(constraint, mask)

    def _narrow(self, constraint: Constraint, mask: Mask) -> Mask:
        narrowed = mask & constraint.met
        placed = self._index.placed
        self._tell(
            constraint,
            trees_having(self._index, placed & constraint.met),
            trees_having(self._index, narrowed),
            int((placed & ~constraint.met).sum()),
            int((mask & ~constraint.met).sum()),
        )
        return narrowed

    def _tell(
        self,
        constraint: Constraint,
        alone: Mask,
        in_order: Mask,
        providers_alone: int | None,
        providers: int | None,
    ) -> None:
        removed = _rows(self.left & ~in_order)
        self.left &= in_order
        self.effects.append(
            Effect(
                constraint.key,
                constraint.value,
                providers_alone,
                int((self.roots & ~alone).sum()),
                providers,
                len(removed),
                int(self.left.sum()),
                removed,
            )
        )


def _rules_on_all(index: Index, request: CandidateRequest, trail: _Trail) -> Iterator[Effect]:
    """The rules that bind groups together, for which the ways to serve them have to be tried."""
    free = replace(request, isolate=False, same_subtrees=())
    base = _found(index, free) if trail.left.any() else trail.left & False
    yield _effect("resources", "all groups together", trail.left, trail.left, base)
    so_far, left = free, base
    for key, value, bind in _rules(request):
        alone = base & (_found(index, bind(free)) if base.any() else base)
        so_far = bind(so_far)
        now = left & (_found(index, so_far) if left.any() else left)
        yield _effect(key, value, base, left, now, alone=alone)
        left = now


def _effect(
    key: str, value: str, base: Mask, left: Mask, now: Mask, *, alone: Mask | None = None
) -> Effect:
    """What a rule does to the trees of ``base`` alone, and to those that are left in order."""
    removed = _rows(left & ~now)
    lacking = int((base & ~(now if alone is None else alone)).sum())
    return Effect(key, value, None, lacking, None, len(removed), int(now.sum()), removed)


def _found(index: Index, request: CandidateRequest) -> Mask:
    return mask_of(index, roots_with_candidates(index, request))


def _rows(mask: Mask) -> tuple[int, ...]:
    return tuple(np.flatnonzero(mask).tolist())


def _rules(request: CandidateRequest) -> Iterator[tuple[str, str, _Bind]]:
    """Each rule with what adds it to a request."""

    def tie(suffixes: frozenset[str]) -> _Bind:
        return lambda other: replace(other, same_subtrees=(*other.same_subtrees, suffixes))

    for suffixes in request.same_subtrees:
        yield "same_subtree", ",".join(sorted(suffixes)), tie(suffixes)
    if request.isolate:
        yield "group_policy", "isolate", lambda other: replace(other, isolate=True)
