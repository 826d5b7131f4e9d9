"""Choosing and claiming, with captured and with rejected claims."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from groundwork.errors import Late
from nova.clients.candidates import (
    AllocationRequest,
    CandidateQuery,
    Candidates,
    ProviderSummary,
    Room,
)
from nova.clients.placement_errors import ConcurrentUpdate, NoRoom
from nova.domain.flavor import Flavor
from nova.errors import NoValidHost
from nova.scheduler.filters import ComputeFilter, NumInstancesFilter
from nova.scheduler.filters.json_filter import JsonFilter
from nova.scheduler.filters.near_servers_filter import DifferentHostFilter, SameHostFilter
from tests.unit.scheduler.harness import (
    CELL1,
    CELL2,
    NOW,
    SMALL,
    RejectingPlacement,
    make_host,
    make_plant,
    make_spec,
    server_uuids,
    uuid_of,
)


def test_one_server_is_claimed_on_the_freest_host():
    plant = make_plant(make_host("a"), make_host("b"), slots={"a": 2, "b": 3})
    [server] = plant.select().servers
    assert server.chosen.host == "b"
    assert plant.placement.claims == [(server.server_uuid, uuid_of("b"))]
    assert server.chosen.allocations == {uuid_of("b"): {"VCPU": 1, "MEMORY_MB": 512, "DISK_GB": 1}}
    assert server.chosen.mappings == {"": (uuid_of("b"),)}
    assert server.chosen.availability_zone == "nova"


def test_servers_of_one_request_are_spread():
    plant = make_plant(*(make_host(name) for name in "abcd"))
    assert sorted(plant.hosts_of(count=8)) == list("aabbccdd")


def test_servers_of_one_request_are_stacked_with_negative_multipliers():
    from nova.scheduler.weights import RAMWeigher

    plant = make_plant(
        make_host("a"), make_host("b"), make_host("c"), weighers=[RAMWeigher(multiplier=-1.0)]
    )
    assert plant.hosts_of(count=8) == list("aaaabbbb")


def test_all_slots_of_two_cells_are_filled_by_one_request():
    hosts = [make_host(f"c1-{n}") for n in range(5)]
    hosts += [make_host(f"c2-{n}", cell_uuid=CELL2) for n in range(5)]
    plant = make_plant(*hosts, slots=2)
    chosen = [s.chosen for s in plant.select(count=20).servers]
    assert sum(1 for c in chosen if c.cell_uuid == CELL1) == 10
    assert sum(1 for c in chosen if c.cell_uuid == CELL2) == 10


def test_servers_that_do_not_all_fit_leave_nothing_claimed():
    plant = make_plant(make_host("a"), make_host("b"))
    with pytest.raises(NoValidHost) as caught:
        plant.select(count=9)
    assert "room for 8 of 9 servers" in caught.value.text
    assert plant.placement.held == {}
    assert len(plant.placement.claims) == 8


def test_alternates_are_the_next_best_of_the_same_cell_and_not_claimed():
    hosts = [make_host(n) for n in "abc"] + [make_host(n, cell_uuid=CELL2) for n in "xy"]
    plant = make_plant(*hosts, slots={"a": 9, "x": 8, "b": 7, "y": 6, "c": 5})
    [server] = plant.select(alternates=2).servers
    assert server.chosen.host == "a"
    assert [other.host for other in server.alternates] == ["b", "c"]
    assert server.alternates[0].allocations.keys() == {uuid_of("b")}
    assert plant.placement.held.keys() == {server.server_uuid}


def test_claim_lost_race_takes_next_candidate():
    plant = make_plant(make_host("a"), make_host("b"))
    plant.placement.faults = [NoRoom("faster")]
    assert plant.hosts_of() == ["b"]


def test_claim_is_retried_once_on_concurrent_update_then_next_host():
    plant = make_plant(make_host("a"), make_host("b"))
    plant.placement.faults = [ConcurrentUpdate("race")]
    assert plant.hosts_of() == ["a"]

    plant = make_plant(make_host("a"), make_host("b"))
    plant.placement.faults = [ConcurrentUpdate("race"), ConcurrentUpdate("race")]
    assert plant.hosts_of() == ["b"]


def test_permanent_rejection_ends_with_no_valid_host():
    plant = make_plant(make_host("a"), make_host("b"), placement=RejectingPlacement)
    with pytest.raises(NoValidHost, match="Others took the room 5 times"):
        plant.select()
    assert len(plant.placement.claims) == 10
    assert plant.placement.held == {}


class PoolThatOthersFill(RejectingPlacement):
    """Hosts with a pool that is full from the moment at which its first candidates were told."""

    def candidates(self, query: CandidateQuery) -> Candidates:
        told = super().candidates(query)
        if len(self.queries) > 1:
            return Candidates((), {})
        requests = tuple(
            AllocationRequest({**one.allocations, "pool": {"DISK_GB": 1}}, {})
            for one in told.requests
        )
        pool = ProviderSummary(
            "pool", None, "pool", frozenset({"MISC_SHARES_VIA_AGGREGATE"}), {"DISK_GB": Room(9, 0)}
        )
        return Candidates(requests, {**told.summaries, "pool": pool})


def test_a_pool_that_others_have_filled_is_not_tried_from_every_host():
    """Each host that it serves cost a claim, a thousand in all, though none could succeed."""
    hosts = [make_host(f"h{number:03}") for number in range(200)]
    plant = make_plant(*hosts, placement=PoolThatOthersFill)
    with pytest.raises(NoValidHost):
        plant.select()
    assert len(plant.placement.claims) == 20
    assert len(plant.placement.queries) > 1


def test_repeated_request_replaces_its_own_claim():
    plant = make_plant(make_host("a"), make_host("b"))
    [first] = plant.hosts_of()
    [second] = plant.hosts_of(make_spec(ignored_hosts=(first,)))
    assert second != first
    [server] = server_uuids(1)
    held = plant.placement.held[server]
    assert held.resources.keys() == {uuid_of(second)}
    assert held.consumer_generation == 2


def test_repeated_request_keeps_its_own_claim_when_that_fills_the_last_room():
    plant = make_plant(make_host("a"), slots=2)
    first = plant.select(count=2)
    assert [s.chosen.host for s in first.servers] == ["a", "a"]
    second = plant.select(count=2)
    assert [s.chosen.host for s in second.servers] == ["a", "a"]
    assert len(plant.placement.held) == 2


def test_repeated_request_keeps_its_own_claim_though_its_hint_asks_for_more_room_than_is_left():
    filters = (ComputeFilter(), JsonFilter())
    plant = make_plant(make_host("a"), slots=1, filters=filters)
    spec = make_spec(
        scheduler_hints={"query": '["and", [">=", "$free_ram_mb", 512], ["=", "$host", "a"]]'}
    )
    [first] = plant.hosts_of(spec)
    assert plant.hosts_of(spec) == [first] == ["a"]


def test_claim_of_another_size_is_not_kept():
    plant = make_plant(make_host("a"), slots=2)
    plant.select(count=2)
    with pytest.raises(NoValidHost):
        plant.select(make_spec(replace(SMALL, vcpus=2)), count=2)


def test_failed_repetition_restores_what_was_held_before():
    plant = make_plant(make_host("a"), make_host("b"), slots={"a": 1, "b": 1})
    [server] = server_uuids(1)
    plant.select()
    before = plant.placement.held[server].resources
    with pytest.raises(NoValidHost):
        plant.select(make_spec(ignored_hosts=("a",)), count=2)
    assert plant.placement.held[server].resources == before


def test_lost_answer_of_a_claim_is_undone():
    plant = make_plant(make_host("a"))
    claim = plant.placement.claim

    def claim_and_lose_answer(*args: object, **options: object) -> None:
        claim(*args, **options)
        raise Late("no answer")

    plant.placement.claim = claim_and_lose_answer
    with pytest.raises(Late):
        plant.select()
    assert plant.placement.held == {}


def test_undo_leaves_the_claim_of_another_run_alone():
    plant = make_plant(make_host("a"), make_host("b"), slots={"a": 1, "b": 1})
    first, second, _ = server_uuids(3)
    claim = plant.placement.claim

    def other_run_moves_first_server(consumer: str, *args: object, **options: object) -> None:
        claim(consumer, *args, **options)
        if consumer == second:
            plant.placement.delete_allocation(first)
            claim(first, {uuid_of("a"): {"VCPU": 1}}, project_id="project", user_id="user")

    plant.placement.claim = other_run_moves_first_server
    with pytest.raises(NoValidHost):
        plant.select(count=3)
    assert plant.placement.held.keys() == {first}


def test_forced_host_skips_filters_but_not_room():
    down = make_host("down", last_seen_up=NOW - timedelta(hours=1))
    plant = make_plant(make_host("a"), down, slots=1)
    assert plant.hosts_of(make_spec(forced_host="down")) == ["down"]
    assert plant.placement.queries[-1].groups[0].in_tree == uuid_of("down")
    plant = make_plant(make_host("a"), down, slots={"a": 1, "down": 0})
    with pytest.raises(NoValidHost, match="Host down was asked for"):
        plant.select(make_spec(forced_host="down"))


def test_requested_host_is_filtered():
    down = make_host("down", last_seen_up=NOW - timedelta(hours=1))
    plant = make_plant(make_host("a"), down)
    with pytest.raises(NoValidHost) as caught:
        plant.select(make_spec(requested_host="down"))
    assert caught.value.facts["removed"]["ComputeFilter"] == 1
    assert plant.hosts_of(make_spec(requested_host="a")) == ["a"]


def test_forced_host_with_several_nodes_uses_any_of_them():
    nodes = [make_host(f"node{n}", host="ironic", node=f"node{n}") for n in range(3)]
    plant = make_plant(make_host("a"), *nodes, slots={"a": 9, "ironic": 1})
    [server] = plant.select(make_spec(forced_host="ironic"), alternates=5).servers
    assert (server.chosen.host, server.chosen.node) == ("ironic", "node0")
    assert [other.node for other in server.alternates] == ["node1", "node2"]
    [server] = plant.select(make_spec(forced_node="node2")).servers
    assert server.chosen.node == "node2"


def test_ignored_hosts_are_never_chosen():
    plant = make_plant(make_host("a"), make_host("b"), slots={"a": 9, "b": 2})
    assert plant.hosts_of(make_spec(ignored_hosts=("a",))) == ["b"]


def test_hosts_behind_the_limit_are_found_when_the_first_ones_do_not_pass():
    hosts = [make_host(f"h{n}", zone="far" if n == 9 else "nova") for n in range(10)]
    plant = make_plant(*hosts, limit=1)
    assert plant.hosts_of(make_spec(availability_zone="far")) == ["h9"]
    assert [query.limit for query in plant.placement.queries] == [1, None]


def test_nobody_is_refused_by_rows_from_before_the_request():
    old, new = make_host("a"), make_host("a", zone="new")
    plant = make_plant(old)
    plant.hosts.after_refresh = {new.node_uuid: new}
    assert plant.hosts_of(make_spec(availability_zone="new")) == ["a"]


def test_servers_of_one_request_count_for_the_filters_of_the_next_ones():
    plant = make_plant(
        make_host("a"), make_host("b"), slots=9, filters=[NumInstancesFilter(limit=2)]
    )
    assert sorted(plant.hosts_of(count=4)) == list("aabb")
    with pytest.raises(NoValidHost) as caught:
        plant.select(count=5)
    assert caught.value.facts["removed"] == {"NumInstancesFilter": 2}


def test_no_room_is_told_per_class():
    plant = make_plant(*(make_host(n) for n in "abcd"))
    with pytest.raises(NoValidHost) as caught:
        plant.select(make_spec(Flavor("2", "big", vcpus=100, memory_mb=512, root_gb=1)))
    assert caught.value.facts["hosts"] == 4
    assert caught.value.facts["removed"]["VCPU (100 asked)"] == 4
    assert caught.value.facts["removed"]["MEMORY_MB (512 asked)"] == 0
    assert caught.value.text.startswith(
        "No valid host was found. Of 4 hosts: VCPU (100 asked) removed 4;"
    )
    assert len(caught.value.text) <= 255


def test_unknown_class_is_told_though_placement_refuses_the_question():
    plant = make_plant(make_host("a"))
    spec = make_spec(replace(SMALL, extra_specs={"resources:CUSTOM_GOLD": "1"}))
    with pytest.raises(NoValidHost) as caught:
        plant.select(spec)
    assert caught.value.facts["removed"]["CUSTOM_GOLD (1 asked)"] == 1


def test_filters_are_counted_in_order():
    hosts = [make_host("a", is_enabled=False), make_host("b", zone="x"), make_host("c", zone="x")]
    plant = make_plant(*hosts)
    with pytest.raises(NoValidHost) as caught:
        plant.select(make_spec(availability_zone="y"))
    assert caught.value.facts == {
        "hosts": 3,
        "removed": {"ComputeFilter": 1, "AvailabilityZoneFilter": 2},
    }
    assert caught.value.text == (
        "No valid host was found. Of 3 hosts: AvailabilityZoneFilter removed 2; ComputeFilter removed 1."
    )


def test_nodes_that_are_no_hosts_are_counted():
    plant = make_plant(make_host("a"))
    plant.hosts.hosts.clear()
    with pytest.raises(NoValidHost) as caught:
        plant.select()
    assert caught.value.facts["removed"]["known compute nodes"] == 1


def test_nonsense_in_the_flavor_is_told():
    plant = make_plant(make_host("a"))
    with pytest.raises(NoValidHost, match="trait:X=maybe"):
        plant.select(make_spec(replace(SMALL, extra_specs={"trait:X": "maybe"})))


def test_best_hosts_share_servers_by_chance_when_asked_to():
    hosts = [make_host(f"h{n}") for n in range(8)]
    plain = {make_plant(*hosts).hosts_of(seed=seed)[0] for seed in range(20)}
    assert plain == {"h0"}
    shuffled = {make_plant(*hosts, shuffle_equal=True).hosts_of(seed=seed)[0] for seed in range(20)}
    assert len(shuffled) > 3
    subset = {make_plant(*hosts, host_subset_size=2).hosts_of(seed=seed)[0] for seed in range(20)}
    assert subset == {"h0", "h1"}


class Places:
    """Where servers are; remembers whom it was asked for."""

    def __init__(self, hosts: dict[str, str]) -> None:
        self.hosts = hosts
        self.asked: list[set[str]] = []

    def hosts_of(self, servers):
        self.asked.append(set(servers))
        return {server: self.hosts[server] for server in servers if server in self.hosts}


def test_named_servers_draw_and_repel():
    near, far = (
        make_spec(scheduler_hints={"same_host": ["s"]}),
        make_spec(scheduler_hints={"different_host": ["s", "t"]}),
    )
    plant = make_plant(
        *(make_host(name) for name in "abc"), filters=(SameHostFilter(), DifferentHostFilter())
    )
    plant.selector._servers = places = Places({"s": "b", "t": "a"})
    assert plant.hosts_of(near) == ["b"]
    assert plant.hosts_of(far, count=2) == ["c", "c"]
    assert places.asked == [{"s"}, {"s", "t"}]
    with pytest.raises(NoValidHost, match="SameHostFilter removed 3"):
        plant.select(make_spec(scheduler_hints={"same_host": ["lost"]}))


def test_named_servers_are_looked_up_only_when_a_filter_cares():
    plant = make_plant(make_host("a"))
    plant.selector._servers = places = Places({})
    assert plant.hosts_of(make_spec(scheduler_hints={"same_host": ["s"]})) == ["a"]
    assert places.asked == []


def test_room_that_is_given_out_counts_for_filters_of_room():
    """The query is asked again after each server of the request."""
    query = '[">=", "$free_ram_mb", 1024]'
    plant = make_plant(make_host("a"), slots=4, filters=(JsonFilter(),))
    spec = make_spec(scheduler_hints={"query": query})
    with pytest.raises(NoValidHost, match="There is room for 3 of 4 servers"):
        plant.select(spec, count=4)
    assert plant.hosts_of(spec, count=3) == ["a", "a", "a"]
