"""The plain search, by which the index is judged, equals a slower oracle over random worlds and requests.

The oracle tries every assignment of providers to the parts of a request and checks each rule on the whole of it, in
the words of the API's documentation and with nothing in common with the search but the world.
"""

from __future__ import annotations

from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from placement.candidates.request import CandidateRequest, Group
from placement.candidates.search import Order
from placement.grammar import AggregatesAsked, TraitsAsked
from placement.records import Inventory
from tests.unit.placement.plain.search import Candidate, search
from tests.unit.placement.plain.world import Node, Stock, World
from tests.unit.placement.worlds import SHARES, Builder

CLASSES = ("CPU", "DISK", "VF")
TRAITS = ("T1", "T2", SHARES)
AGGREGATES = ("a1", "a2")

Answer = tuple[frozenset[tuple[str, str, int]], frozenset[tuple[str, frozenset[str]]]]


def oracle(world: World, request: CandidateRequest) -> set[Answer]:
    answers: set[Answer] = set()
    for tree in world.trees.values():
        if not meets(request.root_required, tree.root.traits):
            continue
        usable = [*tree.nodes]
        for node in world.nodes.values():
            shared = any(not node.aggregates.isdisjoint(member.aggregates) for member in tree.nodes)
            if node not in usable and SHARES in node.traits and shared:
                usable.append(node)
        parts = [
            (group, {name: amount})
            for group in request.groups
            if group.suffix == ""
            for name, amount in group.resources.items()
        ]
        parts += [(group, dict(group.resources)) for group in request.groups if group.suffix]
        for chosen in product(usable, repeat=len(parts)):
            if allowed(world, request, parts, chosen):
                answers.add(answer(request, parts, chosen))
    return answers


def allowed(
    world: World,
    request: CandidateRequest,
    parts: list[tuple[Group, dict[str, int]]],
    chosen: tuple[Node, ...],
) -> bool:
    sums: dict[tuple[Node, str], int] = {}
    for (_, amounts), node in zip(parts, chosen, strict=True):
        for name, amount in amounts.items():
            sums[node, name] = sums.get((node, name), 0) + amount
            if name not in node.stocks or not has_room(node.stocks[name], amount):
                return False
    if not all(has_room(node.stocks[name], total) for (node, name), total in sums.items()):
        return False
    for group in request.groups:
        nodes = [node for (other, _), node in zip(parts, chosen, strict=True) if other is group]
        if not group_is_met(world, group, nodes):
            return False
    apart = [node for (group, _), node in zip(parts, chosen, strict=True) if group.suffix]
    if request.isolate and len(set(apart)) < len(apart):
        return False
    if not request.spreads and len({node.root for node in chosen}) < len(set(chosen)):
        return False
    for suffixes in request.same_subtrees:
        tied = [n for (group, _), n in zip(parts, chosen, strict=True) if group.suffix in suffixes]
        if not any(all(top in (*node.above, node) for node in tied) for top in tied):
            return False
    return True


def has_room(stock: Stock, amount: int) -> bool:
    inventory = stock.inventory
    return (
        inventory.min_unit <= amount <= inventory.max_unit
        and amount % inventory.step_size == 0
        and stock.used + amount
        <= int((inventory.total - inventory.reserved) * inventory.allocation_ratio)
    )


def group_is_met(world: World, group: Group, nodes: list[Node]) -> bool:
    together = frozenset[str]().union(*(node.traits for node in nodes))
    if not meets(group.required, together):
        return False
    for node in nodes:
        counted = node.aggregates | (node.root.aggregates if group.suffix == "" else frozenset())
        if any(choice.isdisjoint(counted) for choice in group.member_of.any_of):
            return False
        if group.member_of.none_of & counted:
            return False
        if group.in_tree and (
            group.in_tree not in world.nodes or world.nodes[group.in_tree].root is not node.root
        ):
            return False
    return True


def meets(asked: TraitsAsked, traits: frozenset[str]) -> bool:
    return (
        not asked.all_of - traits
        and not asked.none_of & traits
        and all(choice & traits for choice in asked.any_of)
    )


def answer(
    request: CandidateRequest,
    parts: list[tuple[Group, dict[str, int]]],
    chosen: tuple[Node, ...],
) -> Answer:
    sums: dict[tuple[str, str], int] = {}
    mappings: dict[str, set[str]] = {}
    for (group, amounts), node in zip(parts, chosen, strict=True):
        mappings.setdefault(group.suffix, set()).add(node.uuid)
        for name, amount in amounts.items():
            sums[node.uuid, name] = sums.get((node.uuid, name), 0) + amount
    shown = frozenset((uuid, name, amount) for (uuid, name), amount in sums.items())
    if not request.tells_mappings:
        return shown, frozenset()
    return shown, frozenset((suffix, frozenset(uuids)) for suffix, uuids in mappings.items())


def shape(candidate: Candidate, request: CandidateRequest) -> Answer:
    shown = frozenset(
        (node.uuid, name, amount)
        for node, amounts in candidate.resources.items()
        for name, amount in amounts.items()
    )
    if not request.tells_mappings:
        return shown, frozenset()
    return shown, frozenset(
        (suffix, frozenset(node.uuid for node in nodes))
        for suffix, nodes in candidate.mappings.items()
    )


stocks = st.builds(
    lambda total, reserved, ratio, top, step, used: (
        total,
        min(reserved, total),
        ratio,
        top,
        step,
        used,
    ),
    st.integers(1, 6),
    st.integers(0, 2),
    st.sampled_from([1.0, 1.5, 2.0]),
    st.integers(1, 6),
    st.integers(1, 2),
    st.integers(0, 3),
)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    builder = Builder()
    names: list[str] = []
    for number in range(draw(st.integers(1, 5))):
        held = draw(st.dictionaries(st.sampled_from(CLASSES), stocks, max_size=2))
        builder.add(
            f"p{number}",
            {
                name: Stock(Inventory(name, total, reserved, 1, top, step, ratio), min(used, total))
                for name, (total, reserved, ratio, top, step, used) in held.items()
            },
            under=draw(st.sampled_from([None, *names])),
            traits=draw(st.sets(st.sampled_from(TRAITS), max_size=2)),
            aggregates=draw(st.sets(st.sampled_from(AGGREGATES), max_size=1)),
        )
        names.append(f"p{number}")
    return builder.plain_world()


@st.composite
def asked_traits(draw: st.DrawFn) -> TraitsAsked:
    names = list(draw(st.permutations(TRAITS[:2])))
    kind = draw(st.sampled_from(["nothing", "nothing", "all", "any", "none", "mixed"]))
    return {
        "nothing": TraitsAsked(),
        "all": TraitsAsked(all_of=frozenset(names[:1])),
        "any": TraitsAsked(any_of=(frozenset(names),)),
        "none": TraitsAsked(none_of=frozenset(names[:1])),
        "mixed": TraitsAsked(all_of=frozenset(names[:1]), none_of=frozenset(names[1:])),
    }[kind]


@st.composite
def asked_groups(draw: st.DrawFn, suffix: str) -> Group:
    member_of = draw(
        st.sampled_from(
            [AggregatesAsked()] * 3
            + [
                AggregatesAsked(any_of=(frozenset({"a1"}),)),
                AggregatesAsked(none_of=frozenset({"a1"})),
            ]
        )
    )
    return Group(
        suffix,
        draw(st.dictionaries(st.sampled_from(CLASSES), st.integers(1, 3), min_size=1, max_size=2)),
        draw(asked_traits()),
        member_of,
        draw(st.sampled_from([None, None, None, "p0", "nobody"])),
    )


@st.composite
def requests(draw: st.DrawFn) -> CandidateRequest:
    suffixes = draw(st.sampled_from([("",), ("A",), ("", "A"), ("A", "B"), ("", "A", "B")]))
    groups = [draw(asked_groups(suffix)) for suffix in suffixes]
    tied: tuple[frozenset[str], ...] = ()
    named = [suffix for suffix in suffixes if suffix]
    if len(named) == 2 and draw(st.booleans()):
        tied = (frozenset(named),)
        if draw(st.booleans()):
            groups[-1] = Group("B", {}, draw(asked_traits()))
    return CandidateRequest(
        tuple(groups),
        isolate=draw(st.booleans()),
        root_required=draw(asked_traits()),
        same_subtrees=tied,
        spreads=draw(st.booleans()),
        tells_mappings=draw(st.booleans()),
    )


@settings(max_examples=300, deadline=None)
@given(worlds(), requests(), st.booleans(), st.booleans())
def test_plain_search_equals_the_oracle(
    world: World, request: CandidateRequest, breadth_first: bool, shuffle: bool
) -> None:
    found = [
        shape(candidate, request)
        for candidate in search(world, request, Order(breadth_first=breadth_first, shuffle=shuffle))
    ]
    assert len(set(found)) == len(found), "an answer came twice"
    assert set(found) == oracle(world, request)
