"""Single changes of a request that would yield a candidate, the smallest first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from placement.candidates.index.index import Index
from placement.candidates.request import UNSUFFIXED, CandidateRequest, Group
from placement.candidates.search import count_trees
from placement.grammar import AggregatesAsked, TraitsAsked

# Amounts tried are halved down to one; this is only a bound for the never-ending.
_MOST_STEPS = 64


@dataclass(frozen=True, slots=True)
class Change:
    """``key=value`` in the query becomes ``key=to``; None: it is left out. ``candidate_trees`` would then have one.

    ``size`` orders changes: the part of an amount that is given up (0 to 1), or 1 for a demand that is given up.
    """

    key: str
    value: str
    to: str | None
    candidate_trees: int
    size: float


def smallest_changes(index: Index, request: CandidateRequest) -> list[Change]:
    """Every single change that helps: less of one class, or one demand fewer."""
    found = []
    for key, value, relaxed in _without_one(request):
        trees = count_trees(index, relaxed)
        if trees:
            found.append(Change(key, value, None, trees, 1.0))
    for number, group in enumerate(request.groups):
        for name in group.resources:
            change = _less_of(index, request, number, name)
            if change is not None:
                found.append(change)
    return sorted(found, key=lambda change: (change.size, -change.candidate_trees))


def _without_one(request: CandidateRequest) -> Iterator[tuple[str, str, CandidateRequest]]:
    for name, asked in _fewer_traits(request.root_required):
        yield "root_required", name, replace(request, root_required=asked)
    for number, group in enumerate(request.groups):
        for key, value, relaxed in _fewer_demands(group):
            yield key, value, _with_group(request, number, relaxed)
    for suffixes in request.same_subtrees:
        rest = tuple(other for other in request.same_subtrees if other is not suffixes)
        yield "same_subtree", ",".join(sorted(suffixes)), replace(request, same_subtrees=rest)
    if request.isolate:
        yield "group_policy", "isolate", replace(request, isolate=False)


def _fewer_demands(group: Group) -> Iterator[tuple[str, str, Group]]:
    for name, traits in _fewer_traits(group.required):
        yield f"required{group.suffix}", name, replace(group, required=traits)
    for name, aggregates in _fewer_aggregates(group.member_of):
        yield f"member_of{group.suffix}", name, replace(group, member_of=aggregates)
    if group.in_tree is not None:
        yield f"in_tree{group.suffix}", group.in_tree, replace(group, in_tree=None)
    if group.suffix != UNSUFFIXED or len(group.resources) > 1:
        for name, amount in group.resources.items():
            rest = {other: n for other, n in group.resources.items() if other != name}
            if rest:
                yield (
                    f"resources{group.suffix}",
                    f"{name}:{amount}",
                    replace(group, resources=rest),
                )


def _fewer_traits(asked: TraitsAsked) -> Iterator[tuple[str, TraitsAsked]]:
    for name in sorted(asked.all_of):
        yield name, replace(asked, all_of=asked.all_of - {name})
    for name in sorted(asked.none_of):
        yield f"!{name}", replace(asked, none_of=asked.none_of - {name})
    for choice in asked.any_of:
        rest = tuple(other for other in asked.any_of if other is not choice)
        yield f"in:{','.join(sorted(choice))}", replace(asked, any_of=rest)


def _fewer_aggregates(asked: AggregatesAsked) -> Iterator[tuple[str, AggregatesAsked]]:
    for choice in asked.any_of:
        names = sorted(choice)
        rest = tuple(other for other in asked.any_of if other is not choice)
        value = names[0] if len(names) == 1 else f"in:{','.join(names)}"
        yield value, replace(asked, any_of=rest)
    for name in sorted(asked.none_of):
        yield f"!{name}", replace(asked, none_of=asked.none_of - {name})


def _less_of(index: Index, request: CandidateRequest, number: int, name: str) -> Change | None:
    """The largest smaller amount of a class with which there is a candidate; None when no amount helps.

    What could work are the most that each provider can take: more does not fit there, and less gives up more than
    it must. (Where two groups meet at one provider it may still be a little less than it could be.)
    """
    group = request.groups[number]
    asked = group.resources[name]

    def trees_with(amount: int) -> int:
        resources = {**group.resources, name: amount}
        return count_trees(index, _with_group(request, number, replace(group, resources=resources)))

    column = index.columns.get(name)
    amounts = column.most_below(asked) if column is not None else np.zeros(0, np.int64)
    low, high = 0, len(amounts)
    best: tuple[int, int] | None = None
    for _ in range(_MOST_STEPS):
        if low >= high:
            break
        middle = (low + high) // 2
        trees = trees_with(int(amounts[middle]))
        if trees:
            best, low = (int(amounts[middle]), trees), middle + 1
        else:
            high = middle
    if best is None:
        return None
    amount, trees = best
    return Change(
        f"resources{group.suffix}",
        f"{name}:{asked}",
        f"{name}:{amount}",
        trees,
        (asked - amount) / asked,
    )


def _with_group(request: CandidateRequest, number: int, group: Group) -> CandidateRequest:
    groups = (*request.groups[:number], group, *request.groups[number + 1 :])
    return replace(request, groups=groups)
