"""The index finds what the plain search finds: over random worlds, after random histories, for random requests."""

from __future__ import annotations

import random
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from placement.candidates.explain import explain
from placement.candidates.index.index import Index
from placement.candidates.request import CandidateRequest, Group
from placement.candidates.search import Order
from placement.candidates.search import search as search_index
from placement.grammar import AggregatesAsked, TraitsAsked
from placement.records import Inventory
from tests.unit.placement.plain.search import search as search_plainly
from tests.unit.placement.plain.world import SHARING, Fact, Stock, build_world
from tests.unit.placement.worlds import indexed

CLASSES = ("CPU", "DISK", "VF")
TRAITS = ("T1", "T2", "T3")
AGGREGATES = ("a1", "a2", "a3")
NAMES = [f"p{number}" for number in range(12)]

Answer = tuple[frozenset[tuple[str, str, int]], frozenset[tuple[str, frozenset[str]]]]


@st.composite
def stocks(draw: st.DrawFn) -> dict[str, Stock]:
    found = {}
    for name in draw(st.sets(st.sampled_from(CLASSES), max_size=2)):
        total, ratio = draw(st.integers(1, 6)), draw(st.sampled_from([1.0, 1.0, 1.5, 2.0]))
        inventory = Inventory(
            name,
            total,
            min(draw(st.sampled_from([0, 0, 1])), total),
            draw(st.sampled_from([1, 1, 1, 2])),
            draw(st.sampled_from([99, 99, 3])),
            draw(st.sampled_from([1, 1, 1, 2])),
            ratio,
        )
        found[name] = Stock(inventory, draw(st.sampled_from([0, 0, 1, 3])))
    return found


@st.composite
def facts(draw: st.DrawFn, number: int) -> Fact:
    above = draw(st.sampled_from([None, *range(max(number - 4, 0), number)]))
    sharing = draw(st.sampled_from([False, False, False, True]))
    traits = draw(st.sets(st.sampled_from(TRAITS), max_size=2))
    return Fact(
        number + 1,
        NAMES[number],
        None if above is None else above + 1,
        draw(stocks()),
        frozenset(traits | ({SHARING} if sharing else set())),
        frozenset(draw(st.sets(st.sampled_from(AGGREGATES), max_size=2 if sharing else 1))),
    )


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[list[Fact]], list[Fact]]:
    """Batches of providers as they were at some time, and the providers as they are at the end.

    Later batches change, move, remove and add; a provider removed in a batch is not in it nor after it.
    """
    count = draw(st.integers(1, len(NAMES)))
    present = [draw(facts(number)) for number in range(count)]
    batches = [present]
    for _ in range(draw(st.integers(0, 2))):
        changed = draw(st.sets(st.integers(0, count - 1), max_size=4))
        present = [draw(facts(f.id - 1)) if f.id - 1 in changed else f for f in present]
        parents = {f.parent_id for f in present}
        leaves = [f for f in present if f.id not in parents]
        gone = draw(st.sets(st.sampled_from([f.id for f in leaves]), max_size=2)) if leaves else ()
        present = [f for f in present if f.id not in gone]
        batches.append(present)
    return batches, present


def build(batches: list[list[Fact]], chance: random.Random) -> Index:
    """An index that has seen all of it, in any order inside a batch and with repetitions."""
    index = Index()
    before: dict[int, Fact] = {}
    for batch in batches:
        now = {fact.id: fact for fact in batch}
        some = [fact for fact in batch if before.get(fact.id) != fact or chance.random() < 0.2]
        chance.shuffle(some)
        gone = before.keys() - now.keys()
        if chance.random() < 0.5:
            # One at a time, so that parents are missing for a while.
            for fact in some:
                index.apply([indexed(fact)])
            index.apply([], gone)
        else:
            index.apply([indexed(fact) for fact in some], gone)
        before = now
    return index


@st.composite
def traits_asked(draw: st.DrawFn) -> TraitsAsked:
    first, second, third = draw(st.permutations(TRAITS))
    kind = draw(st.sampled_from(["nothing", "nothing", "all", "any", "none", "mixed", "unknown"]))
    return {
        "nothing": TraitsAsked(),
        "all": TraitsAsked(all_of=frozenset({first})),
        "any": TraitsAsked(any_of=(frozenset({first, second}), frozenset({second, third}))),
        "none": TraitsAsked(none_of=frozenset({first})),
        "mixed": TraitsAsked(frozenset({first}), (frozenset({second, third}),), frozenset({third})),
        "unknown": TraitsAsked(any_of=(frozenset({first, "T9"}),), none_of=frozenset({"T9"})),
    }[kind]


MEMBERSHIPS = st.sampled_from(
    [AggregatesAsked()] * 4
    + [
        AggregatesAsked(any_of=(frozenset({"a1"}),)),
        AggregatesAsked(any_of=(frozenset({"a1", "a2"}), frozenset({"a2", "a3"}))),
        AggregatesAsked(none_of=frozenset({"a1", "a9"})),
    ]
)


@st.composite
def groups(draw: st.DrawFn, suffix: str) -> Group:
    amounts = st.dictionaries(
        st.sampled_from(CLASSES), st.integers(1, 3), min_size=1, max_size=2 if suffix else 3
    )
    return Group(
        suffix,
        draw(amounts),
        draw(traits_asked()),
        draw(MEMBERSHIPS),
        draw(st.sampled_from([None] * 6 + ["p0", "p3", "nobody"])),
    )


@st.composite
def requests(draw: st.DrawFn) -> CandidateRequest:
    suffixes = draw(
        st.sampled_from([("",), ("A",), ("", "A"), ("A", "B"), ("", "A", "B"), ("A", "B", "C")])
    )
    found = [draw(groups(suffix)) for suffix in suffixes]
    named = [suffix for suffix in suffixes if suffix]
    tied: list[frozenset[str]] = []
    if len(named) > 1 and draw(st.booleans()):
        tied.append(frozenset(named[:2]))
        if draw(st.booleans()):
            found[-1] = replace(found[-1], resources={})
            tied.append(frozenset({named[0], named[-1]}))
    return CandidateRequest(
        tuple(found),
        isolate=draw(st.booleans()),
        root_required=draw(traits_asked()) if draw(st.booleans()) else TraitsAsked(),
        same_subtrees=tuple(tied),
        spreads=draw(st.sampled_from([True, True, False])),
        tells_mappings=draw(st.booleans()),
        limit=draw(st.sampled_from([None, None, 1, 3])),
    )


def found_plainly(world: list[Fact], request: CandidateRequest) -> set[Answer]:
    everything = replace(request, limit=None)
    return {
        answer(
            request,
            {node.uuid: amounts for node, amounts in one.resources.items()},
            {suffix: [node.uuid for node in nodes] for suffix, nodes in one.mappings.items()},
        )
        for one in search_plainly(build_world(world), everything, Order())
    }


def found_by_index(
    index: Index, request: CandidateRequest, order: Order, chance: random.Random
) -> list[Answer]:
    answers = []
    for tree, solution in search_index(index, request, order, chance):
        names = [index.fact(row).uuid for row in tree.usable]
        answers.append(
            answer(
                request,
                {names[place]: dict(amounts) for place, amounts in solution.resources},
                {suffix: [names[p] for p in places] for suffix, places in solution.mappings},
            )
        )
    return answers


def answer(
    request: CandidateRequest,
    resources: dict[str, dict[str, int]],
    mappings: dict[str, list[str]],
) -> Answer:
    shown = frozenset(
        (uuid, name, amount)
        for uuid, amounts in resources.items()
        for name, amount in amounts.items()
    )
    if not request.tells_mappings:
        return shown, frozenset()
    return shown, frozenset((suffix, frozenset(names)) for suffix, names in mappings.items())


@settings(max_examples=600, deadline=None)
@given(
    histories(),
    st.lists(requests(), min_size=4, max_size=4),
    st.booleans(),
    st.booleans(),
    st.integers(0, 2**32),
)
def test_index_finds_what_the_plain_search_finds(
    history: tuple[list[list[Fact]], list[Fact]],
    asked: list[CandidateRequest],
    breadth_first: bool,
    shuffle: bool,
    seed: int,
) -> None:
    """Each example is a history and four requests, so these are thousands of cases."""
    batches, world = history
    index = build(batches, random.Random(seed))
    order = Order(breadth_first=breadth_first, shuffle=shuffle)
    for request in asked:
        found = found_by_index(index, request, order, random.Random(seed))
        expected = found_plainly(world, request)
        assert len(set(found)) == len(found), "an answer came twice"
        explained = explain(index, request)
        assert bool(explained.candidate_trees) == bool(expected)
        assert explained.effects[-1].trees_left == explained.candidate_trees
        removed = [row for effect in explained.effects for row in effect.removed]
        assert len(removed) == len(set(removed)) == explained.trees - explained.candidate_trees
        assert len(explained.candidates) == explained.candidate_trees
        assert not set(removed) & set(explained.candidates)
        if request.limit is None:
            assert set(found) == expected
        else:
            assert set(found) <= expected
            assert len(found) == min(request.limit, len(expected))
