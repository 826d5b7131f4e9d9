"""What the search finds, rule by rule."""

from __future__ import annotations

import random
import time
from collections import Counter
from itertools import islice

import pytest

from placement.candidates.request import CandidateRequest, Group
from placement.candidates.search import Order, search
from placement.grammar import AggregatesAsked, TraitsAsked
from placement.records import Inventory
from tests.unit.placement.plain.world import Stock
from tests.unit.placement.worlds import (
    SHARES,
    Builder,
    as_set,
    find,
    group,
    numa_host,
    plain,
    plain_mappings,
)


def request(*groups: Group, **more: object) -> CandidateRequest:
    return CandidateRequest(groups=groups, **more)  # type: ignore[arg-type]


def flat(count: int) -> Builder:
    builder = Builder()
    for number in range(count):
        builder.add(f"host-{number}", {"VCPU": 8, "MEMORY_MB": 100})
    return builder


@pytest.mark.parametrize(
    ("inventory", "used", "amount", "fits"),
    [
        (Inventory("VCPU", 10), 0, 10, True),
        (Inventory("VCPU", 10), 0, 11, False),
        (Inventory("VCPU", 10), 7, 3, True),
        (Inventory("VCPU", 10), 8, 3, False),
        (Inventory("VCPU", 10, reserved=4), 0, 7, False),
        (Inventory("VCPU", 10, reserved=4, allocation_ratio=2.0), 0, 12, True),
        (Inventory("VCPU", 10, allocation_ratio=1.55), 0, 15, True),
        (Inventory("VCPU", 10, allocation_ratio=1.55), 0, 16, False),
        (Inventory("VCPU", 10, min_unit=3), 0, 2, False),
        (Inventory("VCPU", 10, max_unit=5), 0, 6, False),
        (Inventory("VCPU", 10, step_size=2), 0, 3, False),
        (Inventory("VCPU", 10, step_size=2), 0, 4, True),
        (Inventory("VCPU", 10), 0, 99999999999999999999, False),
    ],
)
def test_room_obeys_every_bound(inventory: Inventory, used: int, amount: int, fits: bool) -> None:
    world = Builder().add("host", {"VCPU": Stock(inventory, used)}).world()
    assert bool(find(world, request(group(VCPU=amount)))) is fits


def test_unsuffixed_group_spreads_over_the_providers_of_a_tree() -> None:
    world = numa_host(Builder(), "h").world()
    found = find(world, request(group(VCPU=1, MEMORY_MB=10)))
    assert as_set(found) == {
        frozenset({("h-a", frozenset({("VCPU", 1), ("MEMORY_MB", 10)}))}),
        frozenset({("h-b", frozenset({("VCPU", 1), ("MEMORY_MB", 10)}))}),
        frozenset({("h-a", frozenset({("VCPU", 1)})), ("h-b", frozenset({("MEMORY_MB", 10)}))}),
        frozenset({("h-b", frozenset({("VCPU", 1)})), ("h-a", frozenset({("MEMORY_MB", 10)}))}),
    }
    assert {mapping for one in found for mapping in plain_mappings(one)} == {""}


def test_old_clients_get_no_two_providers_of_a_tree() -> None:
    world = numa_host(Builder(), "h").world()
    found = find(world, request(group(VCPU=1, MEMORY_MB=10), spreads=False))
    assert sorted(next(iter(plain(one))) for one in found) == ["h-a", "h-b"]
    assert all(len(one.resources) == 1 for one in found)


def test_suffixed_group_is_met_by_one_provider_alone() -> None:
    world = numa_host(Builder(), "h").world()
    found = find(world, request(group("1", VCPU=1, MEMORY_MB=10)))
    assert [sorted(plain(one)) for one in found] == [["h-a"], ["h-b"]]


def test_sharing_provider_serves_trees_with_a_member_in_its_aggregate() -> None:
    world = (
        Builder()
        .add("h1", {"VCPU": 4}, aggregates=["agg"])
        .add("h2", {"VCPU": 4}, aggregates=["other"])
        .add("h3", {"VCPU": 4})
        .add("h3-child", under="h3", aggregates=["agg"])
        .add("nfs", {"DISK_GB": 100}, traits=[SHARES], aggregates=["agg"])
        .add("not-sharing", {"DISK_GB": 100}, aggregates=["agg"])
        .world()
    )
    found = find(world, request(group(VCPU=1, DISK_GB=5)))
    assert [sorted(plain(one)) for one in found] == [["h1", "nfs"], ["h3", "nfs"]]


def test_every_host_behind_a_sharing_provider_is_returned() -> None:
    """The reference drops all but one when the unsuffixed group asks only for what is shared."""
    builder = Builder().add("nfs", {"DISK_GB": 500}, traits=[SHARES], aggregates=["agg"])
    for number in range(5):
        builder.add(f"h{number}", {"VCPU": 8, "MEMORY_MB": 64}, aggregates=["agg"])
    found = find(builder.world(), request(group(DISK_GB=40), group("1", VCPU=4, MEMORY_MB=8)))
    assert sorted(sorted(plain(one))[0] for one in found) == ["h0", "h1", "h2", "h3", "h4"]
    assert all(plain(one)["nfs"] == {"DISK_GB": 40} for one in found)


def test_what_only_sharing_providers_give_is_returned_once() -> None:
    world = (
        Builder()
        .add("nfs", {"DISK_GB": 500}, traits=[SHARES], aggregates=["agg"])
        .add("h1", {"VCPU": 8}, aggregates=["agg"])
        .add("h2", {"VCPU": 8}, aggregates=["agg"])
        .world()
    )
    assert [plain(one) for one in find(world, request(group(DISK_GB=40)))] == [
        {"nfs": {"DISK_GB": 40}}
    ]


def test_unsuffixed_traits_may_be_spread_over_the_providers_used() -> None:
    world = (
        Builder()
        .add("h", {"VCPU": 4}, traits=["FAST"])
        .add("disk", {"DISK_GB": 10}, under="h", traits=["SSD"])
        .add("slow", {"DISK_GB": 10}, under="h", traits=["HDD"])
        .world()
    )
    found = find(world, request(group(VCPU=1, DISK_GB=1, required=["FAST", "SSD"])))
    assert [sorted(plain(one)) for one in found] == [["disk", "h"]]
    found = find(world, request(group(VCPU=1, DISK_GB=1, forbidden=["SSD"])))
    assert [sorted(plain(one)) for one in found] == [["h", "slow"]]
    found = find(world, request(group(VCPU=1, DISK_GB=1, any_of=[["SSD", "NVME"], ["FAST"]])))
    assert [sorted(plain(one)) for one in found] == [["disk", "h"]]


def test_suffixed_traits_must_all_be_on_the_one_provider() -> None:
    world = numa_host(Builder(), "h").world()
    assert not find(world, request(group("1", VCPU=1, required=["NUMA", "HOST"])))
    assert len(find(world, request(group("1", VF=1, required=["NET_A"])))) == 2
    assert len(find(world, request(group("1", VF=1, any_of=[["NET_A", "NET_B"]])))) == 4
    assert len(find(world, request(group("1", VF=1, forbidden=["NET_A"])))) == 2


def test_root_required_looks_at_the_root_of_the_tree_in_use() -> None:
    builder = numa_host(numa_host(Builder(), "h1"), "h2").add("h3", {"VCPU": 4}, traits=["OLD"])
    world = builder.world()
    wanted = TraitsAsked(all_of=frozenset({"HOST"}))
    found = find(world, request(group(VCPU=1), root_required=wanted))
    assert {name for one in found for name in plain(one)} == {"h1-a", "h1-b", "h2-a", "h2-b"}
    unwanted = TraitsAsked(none_of=frozenset({"HOST"}))
    found = find(world, request(group(VCPU=1), root_required=unwanted))
    assert [sorted(plain(one)) for one in found] == [["h3"]]


def test_in_tree_confines_the_group_and_leaves_the_others_free() -> None:
    world = (
        Builder()
        .add("h1", {"VCPU": 4, "DISK_GB": 10}, aggregates=["agg"])
        .add("h2", {"VCPU": 4, "DISK_GB": 10}, aggregates=["agg"])
        .add("nfs", {"DISK_GB": 100}, traits=[SHARES], aggregates=["agg"])
        .world()
    )
    found = find(world, request(group(VCPU=1, DISK_GB=1, in_tree="h1")))
    assert [plain(one) for one in found] == [{"h1": {"VCPU": 1, "DISK_GB": 1}}]
    found = find(world, request(group(VCPU=1), group("1", DISK_GB=1, in_tree="nfs")))
    assert [sorted(plain(one)) for one in found] == [["h1", "nfs"], ["h2", "nfs"]]
    assert not find(world, request(group(VCPU=1, in_tree="nobody")))


def test_aggregate_on_a_root_counts_for_the_tree_in_the_unsuffixed_group_only() -> None:
    builder = Builder().add("h", aggregates=["root-agg"])
    builder.add("child", {"VCPU": 4}, under="h", aggregates=["child-agg"])
    builder.add("other-child", {"VCPU": 4}, under="h")
    world = builder.world()

    def members(suffix: str, *any_of: str, none_of: frozenset[str] = frozenset()) -> list[str]:
        asked = AggregatesAsked(tuple(frozenset({one}) for one in any_of), none_of)
        found = find(world, request(Group(suffix, {"VCPU": 1}, member_of=asked)))
        return sorted(name for one in found for name in plain(one))

    assert members("", "root-agg") == ["child", "other-child"]
    assert members("", "child-agg") == ["child"]
    assert members("1", "root-agg") == []
    assert members("1", "child-agg") == ["child"]
    assert members("", "root-agg", "child-agg") == ["child"]
    assert members("", none_of=frozenset({"child-agg"})) == ["other-child"]
    assert members("1", none_of=frozenset({"root-agg"})) == ["child", "other-child"]


def test_isolate_takes_different_providers_and_none_may_reuse_them() -> None:
    world = (
        Builder().add("h").add("d1", {"VF": 2}, under="h").add("d2", {"VF": 1}, under="h").world()
    )
    two = (group("1", VF=1), group("2", VF=1))
    apart = find(world, request(*two, isolate=True))
    assert [plain_mappings(one) for one in apart] == [
        {"1": ("d1",), "2": ("d2",)},
        {"1": ("d2",), "2": ("d1",)},
    ]
    together = find(world, request(*two))
    assert [(plain(one), plain_mappings(one)) for one in together] == [
        ({"d1": {"VF": 2}}, {"1": ("d1",), "2": ("d1",)}),
        ({"d1": {"VF": 1}, "d2": {"VF": 1}}, {"1": ("d1",), "2": ("d2",)}),
        ({"d1": {"VF": 1}, "d2": {"VF": 1}}, {"1": ("d2",), "2": ("d1",)}),
    ]


def test_isolate_keeps_groups_without_resources_apart_too() -> None:
    world = numa_host(Builder(), "h", devices=1).world()
    groups = (group("vf", VF=1), group("net", required=["NET_A"]))
    ties = (frozenset({"vf", "net"}),)
    (together,) = find(world, request(*groups, same_subtrees=ties))
    assert plain_mappings(together) == {"vf": ("h-a0",), "net": ("h-a0",)}
    assert find(world, request(*groups, same_subtrees=ties, isolate=True)) == []


def test_groups_at_one_provider_are_summed_and_the_sum_must_fit() -> None:
    """The reference can add up amounts of two groups in place, so that an answer depends on earlier ones."""
    inventory = Inventory("VCPU", 10, max_unit=5)
    world = Builder().add("h", {"VCPU": Stock(inventory, 0)}).world()
    ask = request(group("1", VCPU=2), group("2", VCPU=3))
    for _ in range(2):
        assert [plain(one) for one in find(world, ask)] == [{"h": {"VCPU": 5}}]
    assert not find(world, request(group("1", VCPU=3), group("2", VCPU=3)))
    assert find(world, request(group("1", VCPU=2), group(VCPU=3)))


def test_same_subtree_wants_one_provider_above_all_others() -> None:
    world = numa_host(Builder(), "h", devices=1).world()
    groups = (group("cpu", VCPU=1), group("net", VF=1, required=["NET_A"]))
    found = find(world, request(*groups, same_subtrees=(frozenset({"cpu", "net"}),)))
    assert [plain_mappings(one) for one in found] == [{"cpu": ("h-a",), "net": ("h-a0",)}]


def test_group_without_resources_ties_siblings_together() -> None:
    world = numa_host(Builder(), "h", devices=2).world()
    groups = (
        group("numa", required=["NUMA"]),
        group("vf1", VF=1),
        group("vf2", VF=1),
    )
    ties = (frozenset({"numa", "vf1", "vf2"}),)
    found = find(world, request(*groups, same_subtrees=ties, isolate=True))
    pairs = {plain_mappings(one)["vf1"] + plain_mappings(one)["vf2"] for one in found}
    assert pairs == {("h-a0", "h-a1"), ("h-a1", "h-a0"), ("h-b0", "h-b1"), ("h-b1", "h-b0")}


def test_answers_that_differ_in_mappings_alone_are_one_for_old_clients() -> None:
    world = (
        Builder().add("h").add("d1", {"VF": 1}, under="h").add("d2", {"VF": 1}, under="h").world()
    )
    two = (group("1", VF=1), group("2", VF=1))
    assert len(find(world, request(*two, isolate=True))) == 2
    assert len(find(world, request(*two, isolate=True, tells_mappings=False))) == 1


def test_provider_whose_parent_is_gone_is_left_out() -> None:
    builder = flat(1).add("orphan", {"VCPU": 8}, under="host-0")
    builder._facts.pop(0)
    assert find(builder.world(), request(group(VCPU=1))) == []


def test_limit_and_bound_cut_the_answer() -> None:
    world = flat(10).world()
    assert len(find(world, request(group(VCPU=1), limit=3))) == 3
    assert len(find(world, request(group(VCPU=1), limit=7), Order(at_most=4))) == 4
    assert len(find(world, request(group(VCPU=1), limit=10**9))) == 10


def test_equal_requests_get_equal_answers_and_shuffled_ones_the_same_set() -> None:
    world = numa_host(flat(20), "n").world()
    ask = request(group(VCPU=1, MEMORY_MB=1))
    first = [plain(one) for one in find(world, ask)]
    assert [plain(one) for one in find(world, ask)] == first
    shuffled = [find(world, ask, Order(shuffle=True)) for _ in range(5)]
    assert all(as_set(found) == as_set(find(world, ask)) for found in shuffled)
    assert any([plain(one) for one in found] != first for found in shuffled)


def test_shuffled_order_is_fair_to_hosts_whatever_they_offer() -> None:
    """Hosts with four ways to serve a request are drawn no more often than hosts with one."""
    builder = flat(6)
    for number in range(6):
        numa_host(builder, f"n{number}")
    world, drawn = builder.world(), Counter[str]()
    ask = request(group(VCPU=1, MEMORY_MB=1), limit=3)
    chance, rounds = random.Random(1), 400
    for _ in range(rounds):
        found = search(world, ask, Order(shuffle=True), chance)
        hosts = [world.fact(tree.root).uuid for tree, _ in found]
        assert len(set(hosts)) == 3, "a limited answer spreads over hosts"
        drawn.update(hosts)
    # 100 each are expected, with a standard deviation of 8.7.
    assert all(60 < drawn[host] < 140 for host in drawn)
    assert len(drawn) == 12


def test_shuffled_order_draws_among_like_devices() -> None:
    builder = Builder().add("h")
    for number in range(8):
        builder.add(f"d{number}", {"VF": 1}, under="h")
    world, chance = builder.world(), random.Random(1)
    drawn = Counter[str]()
    for _ in range(200):
        ((tree, one),) = search(
            world, request(group("1", VF=1), limit=1), Order(shuffle=True), chance
        )
        drawn[world.fact(tree.usable[one.resources[0][0]]).uuid] += 1
    assert len(drawn) == 8


def test_wide_tree_without_a_solution_ends_soon() -> None:
    """Identical devices are tried once: nine groups that must stand apart do not fit on eight devices of many VFs."""
    builder = Builder().add("h")
    for number in range(8):
        builder.add(f"d{number}", {"VF": 100}, under="h")
    groups = [group(str(number), VF=1) for number in range(1, 10)]
    begun = time.process_time()
    assert find(builder.world(), request(*groups, isolate=True)) == []
    assert time.process_time() - begun < 0.5


def test_breadth_first_takes_trees_in_turn() -> None:
    world = numa_host(numa_host(Builder(), "h1"), "h2").world()
    ask = request(group(VCPU=1), limit=2)
    assert [sorted(plain(one)) for one in find(world, ask)] == [["h1-a"], ["h1-b"]]
    turns = find(world, ask, Order(breadth_first=True))
    assert [sorted(plain(one)) for one in turns] == [["h1-a"], ["h2-a"]]
    ask = request(group(VCPU=1))
    assert as_set(find(world, ask, Order(breadth_first=True))) == as_set(find(world, ask))


def test_ten_of_very_many_candidates_cost_ten() -> None:
    """8 identical devices and 6 groups have 20160 answers per host; the reference builds all of them first."""
    builder = Builder()
    for host in range(50):
        builder.add(f"h{host}")
        for number in range(8):
            builder.add(f"h{host}-{number}", {"VF": 1}, under=f"h{host}")
    groups = [group(str(number), VF=1) for number in range(1, 7)]
    world = builder.world()
    begun = time.process_time()
    found = list(islice(search(world, request(*groups, isolate=True), Order()), 10))
    assert len(found) == 10
    assert time.process_time() - begun < 0.5


def test_more_groups_than_devices_ends_at_once() -> None:
    builder = Builder().add("h")
    for number in range(8):
        builder.add(f"d{number}", {"VF": 1}, under="h")
    groups = [group(str(number), VF=1) for number in range(1, 10)]
    begun = time.process_time()
    assert find(builder.world(), request(*groups)) == []
    assert time.process_time() - begun < 0.5
