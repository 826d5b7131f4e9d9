"""Why there are no more candidates, on small clouds."""

from __future__ import annotations

from placement.candidates.explain import Effect, Explanation, explain
from placement.candidates.request import CandidateRequest, Group
from placement.grammar import AggregatesAsked, TraitsAsked
from placement.records import Inventory
from tests.unit.placement.plain.world import Stock
from tests.unit.placement.worlds import SHARES, Builder, group, numa_host


def ask(world: Builder, *groups: Group, **more: object) -> Explanation:
    return explain(world.world(), CandidateRequest(groups=groups, **more))  # type: ignore[arg-type]


def effect(found: Explanation, key: str, value: str) -> Effect:
    (one,) = [one for one in found.effects if (one.key, one.value) == (key, value)]
    return one


def cloud() -> Builder:
    """Four hosts: two fast, one of them full; one with little memory; one in the aggregate."""
    return (
        Builder()
        .add("h1", {"VCPU": 8, "MEMORY_MB": 100}, traits=["FAST"])
        .add("h2", {"VCPU": Stock(Inventory("VCPU", 8), 8), "MEMORY_MB": 100}, traits=["FAST"])
        .add("h3", {"VCPU": 8, "MEMORY_MB": 10})
        .add("h4", {"VCPU": 8, "MEMORY_MB": 100}, aggregates=["agg"])
    )


def test_each_demand_counts_alone_and_in_order() -> None:
    found = ask(cloud(), group(VCPU=4, MEMORY_MB=50, required=["FAST"]))
    assert (found.providers, found.trees, found.candidate_trees) == (4, 4, 1)
    assert effect(found, "resources", "VCPU:4") == Effect("resources", "VCPU:4", 1, 1, 1, 1, 3)
    memory = effect(found, "resources", "MEMORY_MB:50")
    assert (memory.trees_alone, memory.trees, memory.trees_left) == (1, 1, 2)
    fast = effect(found, "required", "FAST")
    assert (fast.trees_alone, fast.trees, fast.trees_left) == (2, 1, 1)
    assert found.changes == ()


def test_smallest_single_change_comes_first() -> None:
    found = ask(cloud(), group("1", VCPU=4, MEMORY_MB=110, required=["FAST"]))
    assert found.candidate_trees == 0
    assert [(c.key, c.value, c.to) for c in found.changes] == [
        ("resources1", "MEMORY_MB:110", "MEMORY_MB:100"),
        ("resources1", "MEMORY_MB:110", None),
    ]
    found = ask(cloud(), group("1", VCPU=4, required=["FAST", "SLOW"], forbidden=["HOT"]))
    assert [(c.key, c.value, c.candidate_trees) for c in found.changes] == [
        ("required1", "SLOW", 1)
    ]


def test_nothing_helps_when_two_demands_stand_in_the_way() -> None:
    found = ask(cloud(), group("1", VCPU=99, required=["SLOW"]), root_required=TraitsAsked())
    assert (found.candidate_trees, found.changes) == (0, ())


def test_places_and_roots_are_told() -> None:
    asked = Group(
        "1",
        {"VCPU": 1},
        member_of=AggregatesAsked((frozenset({"agg"}),), frozenset({"other"})),
        in_tree="h1",
    )
    found = ask(cloud(), asked, root_required=TraitsAsked(none_of=frozenset({"FAST"})))
    assert effect(found, "root_required", "!FAST").trees == 2
    assert effect(found, "member_of1", "agg").providers == 3
    assert effect(found, "member_of1", "!other").providers_alone == 0
    assert effect(found, "in_tree1", "h1").trees_left == 0
    assert [(c.key, c.value) for c in found.changes] == [("in_tree1", "h1")]


def test_rules_between_groups_are_told() -> None:
    builder = numa_host(Builder(), "h", devices=1)
    groups = (group("cpu", VCPU=1), group("net", VF=1), group("more", VF=1))
    found = ask(builder, *groups, isolate=True, same_subtrees=(frozenset({"net", "more"}),))
    assert found.candidate_trees == 0
    assert effect(found, "same_subtree", "more,net").trees == 1
    assert [(c.key, c.value, c.to) for c in found.changes] == [("same_subtree", "more,net", None)]
    two = ask(builder, group("a", VF=2))
    assert [(c.value, c.to) for c in two.changes] == [("VF:2", "VF:1")]


def test_sum_of_groups_is_told() -> None:
    found = ask(Builder().add("h", {"VCPU": 4}), group("a", VCPU=3), group("b", VCPU=3))
    together = effect(found, "resources", "all groups together")
    assert (together.trees, together.trees_left) == (1, 0)
    assert {c.key for c in found.changes} == set()


def test_sharing_provider_keeps_trees() -> None:
    builder = Builder().add("nfs", {"DISK_GB": 9}, traits=[SHARES], aggregates=["agg"])
    for number in range(3):
        builder.add(f"h{number}", {"VCPU": 4}, aggregates=["agg"] if number else [])
    found = ask(builder, group(VCPU=1, DISK_GB=5))
    disk = effect(found, "resources", "DISK_GB:5")
    assert (disk.providers_alone, disk.trees_alone, disk.trees, disk.trees_left) == (3, 1, 1, 2)
    assert found.candidate_trees == 2
