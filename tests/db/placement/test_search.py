"""Finding providers and usages with real SQL."""

from __future__ import annotations

from uuid import uuid4

import pytest

from groundwork.errors import Invalid
from placement.grammar import AggregatesAsked, TraitsAsked
from placement.inventory.aggregates import Aggregates
from placement.inventory.traits import Traits
from placement.records import Claim, Inventory, Owner, ProviderQuery
from tests.db.placement.conftest import Rooms


def names(rooms: Rooms, **wanted: object) -> list[str]:
    return [one.name for one in rooms.providers.search(ProviderQuery(**wanted))]  # type: ignore[arg-type]


def test_room_is_asked_to_the_edge(rooms: Rooms) -> None:
    inventory = Inventory(
        "VCPU", 10, reserved=2, min_unit=2, max_unit=6, step_size=2, allocation_ratio=1.5
    )
    host = rooms.provider("host", VCPU=inventory)
    rooms.provider("empty")
    for amount, fits in ((1, False), (2, True), (3, False), (6, True), (8, False), (10**20, False)):
        assert names(rooms, resources={"VCPU": amount}) == (["host"] if fits else []), amount
    for held in (6, 4):
        rooms.claim(str(uuid4()), {host: {"VCPU": held}})
    assert names(rooms, resources={"VCPU": 2}) == ["host"]
    assert names(rooms, resources={"VCPU": 4}) == []


def test_traits_and_aggregates_are_anded(rooms: Rooms) -> None:
    traits, aggregates = Traits(database=rooms.database), Aggregates(database=rooms.database)
    a1, a2 = str(uuid4()), str(uuid4())
    for name, carried, memberships in (
        ("one", ["HW_CPU_X86_VMX"], [a1]),
        ("two", ["HW_CPU_X86_VMX", "HW_CPU_X86_SVM"], [a1, a2]),
        ("three", [], []),
    ):
        uuid = rooms.provider(name)
        traits.set_of_provider(uuid, carried, generation=0)
        aggregates.replace(uuid, memberships, generation=None)
    vmx, svm = frozenset({"HW_CPU_X86_VMX"}), frozenset({"HW_CPU_X86_SVM"})
    assert names(rooms, required=TraitsAsked(all_of=vmx)) == ["one", "two"]
    assert names(rooms, required=TraitsAsked(all_of=vmx, none_of=svm)) == ["one"]
    assert names(rooms, required=TraitsAsked(none_of=svm)) == ["one", "three"]
    assert names(rooms, required=TraitsAsked(any_of=(vmx | svm, svm))) == ["two"]
    some, both = frozenset({a1, a2}), (frozenset({a1}), frozenset({a2}))
    assert names(rooms, member_of=AggregatesAsked(any_of=(some,))) == ["one", "two"]
    assert names(rooms, member_of=AggregatesAsked(any_of=both)) == ["two"]
    assert names(rooms, member_of=AggregatesAsked(none_of=frozenset({a2}))) == ["one", "three"]
    assert names(rooms, member_of=AggregatesAsked(any_of=(frozenset({str(uuid4())}),))) == []
    with pytest.raises(Invalid, match="CUSTOM_NONE"):
        names(rooms, required=TraitsAsked(all_of=frozenset({"CUSTOM_NONE"})))
    with pytest.raises(Invalid, match="CUSTOM_NONE"):
        names(rooms, resources={"CUSTOM_NONE": 1})


def test_unknown_tree_is_empty(rooms: Rooms) -> None:
    rooms.provider("one")
    assert names(rooms, in_tree=str(uuid4())) == []


def test_as_many_conditions_as_may_be_asked_are_answered(rooms: Rooms) -> None:
    """MariaDB once planned joins for ever when each condition was a subquery of its own."""
    aggregates, own = Aggregates(database=rooms.database), str(uuid4())
    aggregates.replace(rooms.provider("one"), [own], generation=None)
    rooms.provider("two")
    choices = tuple(frozenset({own, str(uuid4())}) for _ in range(200))
    assert names(rooms, member_of=AggregatesAsked(any_of=choices)) == ["one"]
    missed = (*choices, frozenset({str(uuid4())}))
    assert names(rooms, member_of=AggregatesAsked(any_of=missed)) == []


def test_usages_are_summed_by_owner_and_type(rooms: Rooms) -> None:
    host = rooms.provider("host", VCPU=100, MEMORY_MB=100)
    for project, user, kind, amount in (
        ("p1", "u1", "INSTANCE", 1),
        ("p1", "u1", "INSTANCE", 2),
        ("p1", "u2", "MIGRATION", 4),
        ("p1", "u2", None, 8),
        ("p2", "u1", "INSTANCE", 16),
    ):
        share = {host: {"VCPU": amount, "MEMORY_MB": 1}}
        rooms.claims.put([Claim(str(uuid4()), share, project, user, kind)])
    holdings = rooms.holdings
    assert holdings.usage_of_owner(Owner("p1")) == {"VCPU": 15, "MEMORY_MB": 4}
    assert holdings.usage_of_owner(Owner("p1", "u1")) == {"VCPU": 3, "MEMORY_MB": 2}
    assert holdings.usage_of_owner(Owner("nobody")) == {}
    by_type = holdings.usage_by_type(Owner("p1"), None)
    assert {kind: (one.consumer_count, one.usages["VCPU"]) for kind, one in by_type.items()} == {
        "INSTANCE": (2, 3),
        "MIGRATION": (1, 4),
        "unknown": (1, 8),
    }
    assert list(holdings.usage_by_type(Owner("p1"), "unknown")) == ["unknown"]
    everything = holdings.usage_by_type(Owner("p1"), "all")
    assert (everything["all"].consumer_count, everything["all"].usages["VCPU"]) == (4, 15)
    assert holdings.usage_by_type(Owner("nobody"), "all") == {}
    assert rooms.used(host) == 31
