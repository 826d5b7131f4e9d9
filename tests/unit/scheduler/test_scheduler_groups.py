"""Server groups in the decision: strict policies are never broken, soft ones are preferences."""

from __future__ import annotations

from collections import Counter

import pytest

from nova.domain.server_group import GroupPolicy, ServerGroup
from nova.errors import NoValidHost
from nova.scheduler.filters import ServerGroupAffinityFilter, ServerGroupAntiAffinityFilter
from nova.scheduler.weights import (
    ServerGroupSoftAffinityWeigher,
    ServerGroupSoftAntiAffinityWeigher,
)
from tests.unit.scheduler.harness import CELL2, make_host, make_plant, make_spec

FILTERS = (ServerGroupAntiAffinityFilter(), ServerGroupAffinityFilter())


def group(policy: str, most: int | None = None, **hosts: int) -> ServerGroup:
    return ServerGroup("g", GroupPolicy(policy), most, hosts)


def plant(*names: str, **more: object):  # type: ignore[no-untyped-def]
    hosts = [make_host(name, **({"cell_uuid": CELL2} if name > "b" else {})) for name in names]
    return make_plant(*hosts, **{"filters": FILTERS, **more})  # type: ignore[arg-type]


def test_servers_of_one_request_keep_apart_over_cells():
    placed = plant(*"abcd").hosts_of(make_spec(group=group("anti-affinity")), count=4)
    assert sorted(placed) == list("abcd")


def test_members_placed_before_keep_others_away():
    spec = make_spec(group=group("anti-affinity", a=1, b=1))
    assert plant(*"abc").hosts_of(spec) == ["c"]
    with pytest.raises(NoValidHost, match="ServerGroupAntiAffinityFilter removed 2"):
        plant(*"ab").select(spec)


def test_one_more_than_there_are_hosts_places_nobody():
    found = plant(*"abc")
    with pytest.raises(NoValidHost, match="There is room for 3 of 4 servers"):
        found.select(make_spec(group=group("anti-affinity")), count=4)
    assert not found.placement.held


def test_max_server_per_host_lets_several_together():
    spec = make_spec(group=group("anti-affinity", 2, a=1))
    assert Counter(plant(*"abc").hosts_of(spec, count=5)) == {"a": 1, "b": 2, "c": 2}


def test_servers_of_one_request_stay_together():
    [host] = set(plant(*"abcd", slots=4).hosts_of(make_spec(group=group("affinity")), count=4))
    assert host in "abcd"


def test_members_placed_before_draw_others_after_them():
    spec = make_spec(group=group("affinity", b=2))
    assert plant(*"abc").hosts_of(spec, count=2) == ["b", "b"]


def test_affinity_fails_when_the_host_is_full():
    spec = make_spec(group=group("affinity", b=1))
    with pytest.raises(NoValidHost):
        plant(*"abc", slots={"a": 4, "b": 1, "c": 4}).select(spec, count=2)


@pytest.mark.parametrize("policy", ["affinity", "anti-affinity"])
def test_forced_host_does_not_break_a_strict_policy(policy):
    hosts = {"a": 1} if policy == "anti-affinity" else {"b": 1}
    spec = make_spec(group=group(policy, **hosts), forced_host="a")
    with pytest.raises(NoValidHost, match="Affinity"):
        plant(*"ab").select(spec)


def test_several_nodes_of_one_host_count_as_one():
    nodes = [make_host("a"), make_host("b")]
    twin = make_host("twin", host="a", node="a2")
    found = make_plant(*nodes, twin, slots={"a": 4, "b": 4}, filters=FILTERS)
    placed = found.hosts_of(make_spec(group=group("anti-affinity")), count=2)
    assert sorted(placed) == ["a", "b"]


def test_soft_policies_prefer_and_give_way():
    weighers = [ServerGroupSoftAffinityWeigher(), ServerGroupSoftAntiAffinityWeigher()]
    near = make_spec(group=group("soft-affinity", b=1))
    assert plant(*"abc", slots=2, weighers=weighers).hosts_of(near, count=3) == ["b", "b", "a"]
    apart = make_spec(group=group("soft-anti-affinity", a=1))
    assert sorted(plant(*"ab", weighers=weighers).hosts_of(apart, count=3)) == ["a", "b", "b"]


def test_groups_of_other_requests_change_nothing():
    assert sorted(plant(*"ab").hosts_of(make_spec(), count=4)) == list("aabb")
