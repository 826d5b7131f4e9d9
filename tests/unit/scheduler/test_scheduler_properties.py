"""What holds for every request over every plant."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nova.clients.placement_errors import ConcurrentUpdate, NoRoom
from nova.errors import NoValidHost
from nova.scheduler.filters import AvailabilityZoneFilter, ComputeFilter, NumInstancesFilter
from nova.scheduler.host_view import Ask
from nova.scheduler.messages import Selections
from tests.unit.scheduler.harness import (
    CELL1,
    CELL2,
    NOW,
    Plant,
    make_host,
    make_plant,
    make_spec,
    server_uuids,
)

FILTERS = (ComputeFilter(), AvailabilityZoneFilter(), NumInstancesFilter(limit=5))

hosts_and_slots = st.lists(
    st.tuples(
        st.builds(
            dict,
            cell_uuid=st.sampled_from([CELL1, CELL2]),
            zone=st.sampled_from(["nova", "east"]),
            is_enabled=st.booleans(),
            last_seen_up=st.sampled_from([NOW, NOW - timedelta(hours=1)]),
            num_instances=st.integers(0, 6),
            num_io_ops=st.integers(0, 3),
        ),
        st.integers(0, 4),
    ),
    min_size=1,
    max_size=8,
)
specs = st.builds(
    lambda zone, ignored: make_spec(availability_zone=zone, ignored_hosts=ignored),
    st.sampled_from([None, "nova", "east", "nowhere"]),
    st.sampled_from([(), ("h0",), ("h0", "h1")]),
)
fault_lists = st.lists(
    st.sampled_from([None, NoRoom("faster"), ConcurrentUpdate("race")]), max_size=6
)


def plant_of(described, **rules) -> Plant:
    views = [make_host(f"h{n}", **facts) for n, (facts, _) in enumerate(described)]
    slots = {f"h{n}": number for n, (_, number) in enumerate(described)}
    return make_plant(*views, slots=slots, filters=FILTERS, **rules)


def outcome(plant: Plant, *args, **options) -> Selections | NoValidHost:
    try:
        return plant.select(*args, **options)
    except NoValidHost as problem:
        return problem


@settings(max_examples=150, deadline=None)
@given(hosts_and_slots, specs, st.integers(1, 9), st.integers(0, 3), fault_lists, st.integers(0, 9))
def test_hosts_pass_all_filters_and_alternates_share_the_cell(
    described, spec, count, alternates, faults, seed
):
    plant = plant_of(described, host_subset_size=2)
    views = {view.host: view for view in plant.hosts.hosts.values()}
    plant.placement.faults = list(faults)
    found = outcome(plant, spec, count, alternates=alternates, seed=seed)
    if isinstance(found, NoValidHost):
        return
    for server in found.servers:
        assert len(server.alternates) <= alternates
        for place in (server.chosen, *server.alternates):
            host = views[place.host]
            assert host.host not in spec.ignored_hosts
            assert all(f.reject(host, Ask(spec, NOW)) is None for f in FILTERS)
            assert place.cell_uuid == server.chosen.cell_uuid == views[server.chosen.host].cell_uuid
        places = [server.chosen.node_uuid, *(other.node_uuid for other in server.alternates)]
        assert len(set(places)) == len(places)
    placed = [server.chosen.host for server in found.servers]
    assert all(views[h].num_instances + placed.count(h) <= 5 for h in placed)


@settings(max_examples=150, deadline=None)
@given(hosts_and_slots, specs, st.integers(1, 9), fault_lists)
def test_all_servers_are_claimed_where_told_or_none_is(described, spec, count, faults):
    plant = plant_of(described)
    plant.placement.faults = list(faults)
    found = outcome(plant, spec, count)
    if isinstance(found, NoValidHost):
        plant.placement.faults = []
        assert plant.placement.held == {}
        assert all(not any(p.used.values()) for p in plant.placement.providers.values())
        return
    assert [server.server_uuid for server in found.servers] == list(server_uuids(count))
    held = {consumer: dict(a.resources) for consumer, a in plant.placement.held.items()}
    assert held == {s.server_uuid: dict(s.chosen.allocations) for s in found.servers}


@settings(max_examples=100, deadline=None)
@given(hosts_and_slots, specs, st.integers(1, 6), st.integers(0, 99), st.booleans())
def test_result_does_not_depend_on_the_order_of_candidates(
    described, spec, count, seed, shuffle_equal
):
    def run(order) -> Selections | str:
        plant = plant_of(described, shuffle_equal=shuffle_equal)
        plant.placement.order = order
        found = outcome(plant, spec, count, alternates=2, seed=seed)
        return found if isinstance(found, Selections) else found.text

    mixed = random.Random(seed)
    assert run(sorted) == run(lambda names: mixed.sample(sorted(names), len(list(names))))


@settings(max_examples=100, deadline=None)
@given(hosts_and_slots, st.integers(1, 9))
def test_servers_fit_exactly_when_the_plain_count_says_so(described, count):
    """The oracle: room is the sum over willing hosts of the smaller of slots and what the filter leaves."""
    plant = plant_of(described)
    spec = make_spec()
    willing = [
        min(number, max(0, 5 - facts["num_instances"]))
        for facts, number in described
        if facts["is_enabled"] and facts["last_seen_up"] == NOW
    ]
    found = outcome(plant, spec, count)
    assert isinstance(found, Selections) == (sum(willing) >= count)


@settings(max_examples=50, deadline=None)
@given(hosts_and_slots, specs)
def test_the_counts_of_a_refusal_add_up(described, spec):
    plant = plant_of(described)
    found = outcome(plant, spec)
    if isinstance(found, Selections):
        return
    removed, hosts = found.facts["removed"], found.facts["hosts"]
    assert len(found.text) <= 255
    if any("asked)" in name for name in removed):
        assert all(0 <= count <= hosts for count in removed.values())
    else:
        assert sum(removed.values()) == hosts


def test_harness_notices_overcommit():
    plant = make_plant(make_host("a"), slots=1)
    plant.select()
    with pytest.raises(NoRoom):
        plant.placement.claim(
            "other",
            next(iter(plant.placement.held.values())).resources,
            project_id="p",
            user_id="u",
        )
