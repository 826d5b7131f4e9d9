"""The search: trees that come into question, in order, each with the ways in which it can serve the request.

Arithmetic over the index leaves the trees that could serve every part of the request (``plan``); of these only as
many are looked at as answers are wanted. Trees that look alike share their solutions (``filling``).
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np

from placement.candidates.filling import Filling, Solution, Solutions
from placement.candidates.index.index import Index
from placement.candidates.index.trees import Tree
from placement.candidates.plan import Codes, Plan, codes_of, make_plan
from placement.candidates.request import CandidateRequest

Candidate = tuple[Tree, Solution]
#: Trees one after the other, and what each of them gives, in this order.
Run = tuple[list[Tree], tuple[Solution, ...]]

# Trees looked at in one go: as many as are wanted, at least these because some give nothing, and at most those.
_FEW_TREES = 16
_MOST_TREES = 2048

# Trees that look alike are handed on together with all their solutions when these are no more; more would have to be
# looked for although few may be wanted.
_FEW_SOLUTIONS = 8


@dataclass(frozen=True, slots=True)
class Order:
    """In which order candidates come.

    ``breadth_first`` takes one from each tree in turn, otherwise a tree is exhausted before the next. ``shuffle``
    draws trees at random, each with the same chance, and takes them in turn whatever else is said, so that many
    clients with small limits spread over all hosts; inside a tree the providers are drawn. ``at_most`` bounds the
    search whatever the client asked for (None: no bound).
    """

    breadth_first: bool = False
    shuffle: bool = False
    at_most: int | None = None


def search(
    index: Index, request: CandidateRequest, order: Order, chance: random.Random | None = None
) -> Iterator[Candidate]:
    """The candidates, each once, as many as were asked for. Equal worlds give equal answers unless shuffled.

    They have to be taken before the index changes. ``chance`` is what a shuffled order draws from.
    """
    for trees, solutions in search_runs(index, request, order, chance):
        for tree in trees:
            for solution in solutions:
                yield tree, solution


def search_runs(
    index: Index, request: CandidateRequest, order: Order, chance: random.Random | None = None
) -> Iterator[Run]:
    """The same, in the same order, with trees that follow each other and have the same solutions taken together."""
    bounds = [bound for bound in (request.limit, order.at_most) if bound is not None]
    wanted = min(bounds, default=None)
    plan = make_plan(index, request)
    if order.shuffle:
        chance = chance or random.Random()
        found = _take_turns(_solved(index, plan, chance, wanted))
    elif order.breadth_first:
        found = _take_turns(_solved(index, plan, None, wanted))
    else:
        found = _one_by_one(_solved(index, plan, None, wanted))
    if index.sharing:
        found = _each_once(found, request)
    return found if wanted is None else _cut(found, wanted)


def count_trees(index: Index, request: CandidateRequest) -> int:
    """How many trees have a candidate; trees that give the same one through sharing providers count each."""
    solved = _solved(index, make_plan(index, request), None, None)
    return sum(len(trees) for trees, solutions in solved if any(True for _ in solutions))


def roots_with_candidates(index: Index, request: CandidateRequest) -> Iterator[int]:
    """The same trees, each by the row of its root."""
    for trees, solutions in _solved(index, make_plan(index, request), None, None):
        if any(True for _ in solutions):
            yield from (tree.root for tree in trees)


def _solved(
    index: Index, plan: Plan, chance: random.Random | None, wanted: int | None
) -> Iterator[tuple[list[Tree], Solutions]]:
    """The trees with their solutions, which may turn out to be none; neighbours that look alike together."""
    roots = plan.roots
    if chance is not None:
        roots = np.random.default_rng(chance.getrandbits(64)).permutation(roots)
    codes = codes_of(index, plan)
    known: dict[object, Solutions] = {}
    at, size = 0, _FEW_TREES if wanted is None else min(max(wanted, _FEW_TREES), _MOST_TREES)
    while at < len(roots):
        trees = index.trees_of(roots[at : at + size].tolist())
        for alike, of_tree in _alike(trees, codes):
            key = (alike[0].shape, of_tree)
            solutions = known.get(key)
            if solutions is None:
                filling = Filling(index, plan, alike[0], of_tree, chance)
                solutions = known[key] = Solutions(filling.solutions())
            yield alike, solutions
        at, size = at + size, min(size * 4, _MOST_TREES)


def _alike(trees: list[Tree], codes: Codes) -> Iterator[tuple[list[Tree], tuple[int, ...]]]:
    """The trees in their order, neighbours with the same shape and codes together."""
    rows = np.fromiter(chain.from_iterable([tree.usable for tree in trees]), np.int32)
    found = codes[rows]
    if len({tree.shape for tree in trees}) == 1:
        width = len(trees[0].usable)
        table = found.reshape(len(trees), width)
        if (table == table[0]).all():
            # The usual case in a cloud of like hosts.
            yield trees, tuple(table[0].tolist())
            return
    of_rows, begin = found.tolist(), 0
    for tree in trees:
        end = begin + len(tree.usable)
        yield [tree], tuple(of_rows[begin:end])
        begin = end


def _one_by_one(found: Iterable[tuple[list[Tree], Solutions]]) -> Iterator[Run]:
    """Each tree is exhausted before the next."""
    for trees, solutions in found:
        few = solutions.when_few(_FEW_SOLUTIONS)
        if few is not None:
            yield trees, few
            continue
        for tree in trees:
            for one in solutions:
                yield [tree], (one,)


def _cut(found: Iterable[Run], wanted: int) -> Iterator[Run]:
    """The first so many."""
    for trees, solutions in found:
        whole, more = divmod(wanted, len(solutions))
        if whole < len(trees):
            if whole:
                yield trees[:whole], solutions
            if more:
                yield [trees[whole]], solutions[:more]
            return
        yield trees, solutions
        wanted -= len(trees) * len(solutions)


def _take_turns(found: Iterable[tuple[list[Tree], Solutions]]) -> Iterator[Run]:
    """One of each tree, then one more of each that has more; a tree is looked at when its first turn comes."""
    waiting: deque[tuple[Tree, Iterator[Solution]]] = deque()
    for trees, solutions in found:
        only = solutions.when_few(1)
        if only is not None:
            yield trees, only
            continue
        for tree in trees:
            rest = iter(solutions)
            for one in rest:
                yield [tree], (one,)
                waiting.append((tree, rest))
                break
    while waiting:
        tree, rest = waiting.popleft()
        for one in rest:
            yield [tree], (one,)
            waiting.append((tree, rest))
            break


def _each_once(found: Iterable[Run], request: CandidateRequest) -> Iterator[Run]:
    """Leave out what another tree gave already, which happens only when nothing but sharing providers is used."""
    seen: set[object] = set()
    for trees, solutions in found:
        if not any(solution.only_sharing for solution in solutions):
            yield trees, solutions
            continue
        for tree in trees:
            for solution in solutions:
                key = _key(tree, solution, request) if solution.only_sharing else None
                if key is None or key not in seen:
                    seen.add(key)
                    yield [tree], (solution,)


def _key(tree: Tree, solution: Solution, request: CandidateRequest) -> object:
    rows = tree.usable
    resources = frozenset(
        (rows[place], frozenset(amounts)) for place, amounts in solution.resources
    )
    if not request.tells_mappings:
        return resources
    return resources, frozenset(
        (suffix, frozenset(rows[place] for place in places)) for suffix, places in solution.mappings
    )
