"""Weighing: stretching, multipliers, shared providers, several ways on one host."""

from __future__ import annotations

import pytest

from groundwork.errors import Invalid, Unavailable
from nova.clients.candidates import AllocationRequest, Candidates, ProviderSummary, Room
from nova.scheduler.decision import Rules, Standings
from nova.scheduler.field import nodes_among
from nova.scheduler.filters import NumInstancesFilter
from nova.scheduler.filters.compute_capabilities_filter import ComputeCapabilitiesFilter
from nova.scheduler.host_view import AggregateView, Ask, ImageOnHost
from nova.scheduler.lineup import group_by_host
from nova.scheduler.weights import (
    BuildFailureWeigher,
    CPUWeigher,
    DiskWeigher,
    HypervisorVersionWeigher,
    IoOpsWeigher,
    NumInstancesWeigher,
    RAMWeigher,
    load_weighers,
)
from nova.scheduler.weights.cross_cell import CrossCellWeigher
from nova.scheduler.weights.image_props import ImagePropertiesWeigher
from nova.scheduler.weights.metrics import MetricsWeigher
from tests.unit.scheduler.harness import CELL2, NOW, make_host, make_spec

ASK = Ask(make_spec(), NOW)


def answer_for(*hosts, free: dict[str, tuple[int, int]]) -> Candidates:
    """One way for each host, on which (VCPU, MEMORY_MB) are free."""
    return Candidates(
        tuple(
            AllocationRequest({h.node_uuid: {"VCPU": 1, "MEMORY_MB": 1}}, {"": (h.node_uuid,)})
            for h in hosts
        ),
        {
            h.node_uuid: ProviderSummary(
                h.node_uuid,
                None,
                h.node_uuid,
                frozenset(),
                {
                    "VCPU": Room(100, 100 - free[h.host][0]),
                    "MEMORY_MB": Room(100, 100 - free[h.host][1]),
                },
            )
            for h in hosts
        },
    )


def ranking(hosts, free, weighers, ask=ASK, **rules) -> list[str]:
    answer = answer_for(*hosts, free=free)
    candidates = group_by_host(answer, {h.node_uuid: h for h in hosts})
    standings = Standings(ask, candidates, Rules((), weighers, **rules), seed=0)
    return [candidate.host.host for candidate in standings.ranked()]


HOSTS = [make_host(name) for name in "abc"]
FREE = {"a": (10, 50), "b": (20, 40), "c": (30, 30)}


@pytest.mark.parametrize(
    ("weighers", "order"),
    [
        ([], "abc"),
        ([RAMWeigher()], "abc"),
        ([CPUWeigher()], "cba"),
        ([RAMWeigher(), CPUWeigher()], "abc"),
        ([RAMWeigher(), CPUWeigher(multiplier=1.5)], "cba"),
        ([RAMWeigher(multiplier=-1.0)], "cba"),
        ([DiskWeigher()], "abc"),
    ],
)
def test_free_resources(weighers, order):
    assert ranking(HOSTS, FREE, weighers) == list(order)


def test_counts_and_versions():
    hosts = [
        make_host("a", num_io_ops=5, num_instances=1, hypervisor_version=1),
        make_host("b", num_io_ops=3, num_instances=2, hypervisor_version=3),
        make_host("c", num_io_ops=1, num_instances=3, hypervisor_version=2),
    ]
    assert ranking(hosts, FREE, [IoOpsWeigher(multiplier=-1.0)]) == list("cba")
    assert ranking(hosts, FREE, [NumInstancesWeigher()]) == list("cba")
    assert ranking(hosts, FREE, [HypervisorVersionWeigher()]) == list("bca")


@pytest.mark.parametrize(
    ("multiplier", "order"), [(1e6, "cba"), (1.5, "bca"), (0.0, "abc"), (-1e6, "abc")]
)
def test_failed_builds_count_against_a_host(multiplier, order):
    """Those with most failures come last, however much is free there; unless the multiplier says otherwise."""
    hosts = [
        make_host("a", failed_builds=4),
        make_host("b", failed_builds=1),
        make_host("c"),
    ]
    free = {"a": (30, 30), "b": (30, 20), "c": (30, 10)}
    weighers = [RAMWeigher(), BuildFailureWeigher(multiplier=multiplier)]
    assert ranking(hosts, free, weighers) == list(order)


def test_an_aggregate_may_overlook_failed_builds():
    patient = (AggregateView("1", "1", {"build_failure_weight_multiplier": "0"}),)
    hosts = [make_host("a", failed_builds=4, aggregates=patient), make_host("b", failed_builds=1)]
    free = {"a": (30, 30), "b": (30, 20)}
    weighers = [RAMWeigher(), BuildFailureWeigher(multiplier=1e6)]
    assert ranking(hosts, free, weighers) == ["a", "b"]
    hosts[0] = make_host("a", failed_builds=4)
    assert ranking(hosts, free, weighers) == ["b", "a"]


@pytest.mark.parametrize(
    ("weights", "options", "order"),
    [
        ({}, {}, "abc"),
        ({"cpu.percent": -1.0}, {}, "cab"),
        ({"cpu.percent": -1.0}, {"multiplier": -1.0}, "bac"),
        ({"cpu.percent": -1.0, "cpu.frequency": 0.1}, {}, "acb"),
        ({"power": 1.0}, {"required": False}, "bac"),
        ({"power": 1.0}, {"required": False, "weight_of_unavailable": 500.0}, "acb"),
    ],
)
def test_metrics(weights, options, order):
    hosts = [
        make_host("a", metrics={"cpu.percent": 20.0, "cpu.frequency": 3000}),
        make_host("b", metrics={"cpu.percent": 90.0, "cpu.frequency": 2000, "power": 300}),
        make_host("c", metrics={"cpu.percent": 10.0, "cpu.frequency": 2000}),
    ]
    assert ranking(hosts, FREE, [MetricsWeigher(weights=weights, **options)]) == list(order)


def test_a_required_metric_that_is_not_there_fails_the_request():
    """MetricsFilter is there to take such hosts out beforehand."""
    hosts = [make_host("a", metrics={"cpu.percent": 20.0}), make_host("b")]
    weigher = MetricsWeigher(weights={"cpu.percent": 1.0})
    with pytest.raises(Unavailable) as caught:
        ranking(hosts, FREE, [weigher])
    assert "host b reports no cpu.percent" in caught.value.internal
    assert "host b" not in caught.value.text, "tenants do not learn the names of hosts"
    without = (AggregateView("1", "1", {"metrics_weight_multiplier": "0"}),)
    hosts[1] = make_host("b", aggregates=without)
    assert ranking(hosts, FREE, [weigher]) == ["a", "b"]


def images(**by_distro: int) -> dict[str, tuple[ImageOnHost, ...]]:
    found = (ImageOnHost({"os_distro": d, "hw_disk_bus": "scsi"}, n) for d, n in by_distro.items())
    return {"images": tuple(found)}


@pytest.mark.parametrize(
    ("properties", "multiplier", "weights", "order"),
    [
        # Equal ones by name: a has 3 servers of windows, b 2 and 5 others, c nothing.
        ({}, 1.0, {}, "abc"),
        ({"os_distro": "windows"}, 1.0, {}, "abc"),
        ({"os_distro": "windows"}, -1.0, {}, "cba"),
        ({"os_distro": "debian"}, 1.0, {}, "bac"),
        ({"os_distro": "windows", "hw_disk_bus": "scsi"}, 1.0, {}, "bac"),
        ({"os_distro": "windows", "hw_disk_bus": "scsi"}, 1.0, {"hw_disk_bus": 0.0}, "abc"),
        ({"os_distro": "windows", "hw_disk_bus": "ide"}, 1.0, {}, "abc"),
    ],
)
def test_like_images(properties, multiplier, weights, order):
    hosts = [
        make_host("a", **images(windows=3)),
        make_host("b", **images(windows=2, debian=5)),
        make_host("c"),
    ]
    weigher = ImagePropertiesWeigher(multiplier=multiplier, weights=weights)
    ask = Ask(make_spec(image_properties=properties), NOW)
    assert ranking(hosts, FREE, [weigher], ask) == list(order)


@pytest.mark.parametrize(
    ("cell", "multiplier", "order"), [(None, 1e6, "abc"), (CELL2, 1e6, "bac"), (CELL2, -1.0, "acb")]
)
def test_cell_of_a_moved_server(cell, multiplier, order):
    """Hosts of another cell come last, however much room they have."""
    hosts = [make_host("a"), make_host("b", cell_uuid=CELL2), make_host("c")]
    weighers = [RAMWeigher(), CrossCellWeigher(multiplier=multiplier)]
    ask = Ask(make_spec(current_cell=cell), NOW)
    assert ranking(hosts, FREE, weighers, ask) == list(order)


def test_multiplier_of_an_aggregate_counts_for_its_hosts():
    turned = (
        AggregateView("1", "1", {"cpu_weight_multiplier": "-1.0"}),
        AggregateView("2", "2", {"cpu_weight_multiplier": "nan"}),
        AggregateView("3", "3", {"cpu_weight_multiplier": "5"}),
    )
    hosts = [make_host("a"), make_host("b"), make_host("c", aggregates=turned)]
    assert ranking(hosts, FREE, [CPUWeigher()]) == list("bac")


def test_counts_are_read_only_when_somebody_wants_them():
    assert not Rules((), [RAMWeigher()]).needs_counts
    assert Rules((), [IoOpsWeigher(multiplier=-1.0)]).needs_counts
    assert Rules([NumInstancesFilter()], []).needs_counts


def test_counts_are_read_where_only_an_aggregate_may_want_them():
    """Hosts were weighed by servers that nobody had counted: all as if they had none."""
    assert Rules((), [IoOpsWeigher(multiplier=0.0)]).needs_counts
    rules = Rules((), [ImagePropertiesWeigher(multiplier=0.0)])
    assert rules.needs_counts
    assert not rules.needs_images
    assert rules.image_keys == {"image_props_weight_multiplier"}


def test_counts_are_read_for_flavors_that_speak_of_them():
    """``capabilities:num_instances`` was compared with 0 where nothing else counted servers."""
    assert Rules([ComputeCapabilitiesFilter()], []).needs_counts


def test_room_of_a_shared_provider_is_given_out_once():
    hosts = {h.node_uuid: h for h in HOSTS[:2]}
    pool = ProviderSummary(
        "pool", None, "pool", frozenset({"MISC_SHARES_VIA_AGGREGATE"}), {"DISK_GB": Room(10, 7)}
    )
    plain = answer_for(*HOSTS[:2], free=FREE)
    answer = Candidates(
        tuple(
            AllocationRequest({"pool": {"DISK_GB": 2}, **request.allocations}, {})
            for request in plain.requests
        ),
        {"pool": pool, **plain.summaries},
    )
    assert nodes_among(answer) == set(hosts)
    standings = Standings(ASK, group_by_host(answer, hosts), Rules((), [DiskWeigher()]), seed=0)
    first = standings.best()
    assert first is not None
    standings.placed(*first)
    assert standings.best() is None


def test_every_way_on_a_host_is_used_before_it_is_full():
    host = HOSTS[0]
    root = host.node_uuid
    summaries = {
        root: ProviderSummary(root, None, root, frozenset(), {"VCPU": Room(9, 0)}),
        "gpu0": ProviderSummary("gpu0", root, root, frozenset(), {"VGPU": Room(1, 0)}),
        "gpu1": ProviderSummary("gpu1", root, root, frozenset(), {"VGPU": Room(1, 0)}),
    }
    ways = tuple(
        AllocationRequest({root: {"VCPU": 1}, gpu: {"VGPU": 1}}, {"1": (gpu,)})
        for gpu in ("gpu0", "gpu1")
    )
    [candidate] = group_by_host(Candidates(ways, summaries), {root: host})
    standings = Standings(ASK, [candidate], Rules((), []), seed=0)
    used = []
    while (best := standings.best()) is not None:
        standings.placed(*best)
        used.append(best[1])
    assert used == list(ways)


def test_a_lost_way_leaves_the_others_of_the_host():
    host = HOSTS[0]
    ways = [AllocationRequest({host.node_uuid: {"VCPU": n}}, {}) for n in (1, 2)]
    summary = ProviderSummary(
        host.node_uuid, None, host.node_uuid, frozenset(), {"VCPU": Room(9, 0)}
    )
    answer = Candidates(tuple(ways), {host.node_uuid: summary})
    candidates = group_by_host(answer, {host.node_uuid: host})
    standings = Standings(ASK, candidates, Rules((), []), seed=0)
    candidate, way = standings.best()
    standings.lost(candidate, way)
    assert standings.best() == (candidate, ways[1])
    standings.lost(candidate, ways[1])
    assert standings.best() is None


def test_weighers_are_loaded_with_their_multipliers():
    found = load_weighers(
        classes=["nova.scheduler.weights.all_weighers"], multipliers={"ram": -2.0}
    )
    assert {w.name: w.multiplier for w in found} == {
        "ram": -2.0,
        "cpu": 1.0,
        "disk": 1.0,
        "io_ops": 1.0,
        "num_instances": 1.0,
        "hypervisor_version": 1.0,
        "soft_affinity": 1.0,
        "soft_anti_affinity": 1.0,
        "image_props": 1.0,
        "metrics": 1.0,
        "pci": 1.0,
        "build_failure": 1.0,
        "cross_cell_move": 1.0,
    }
    known = ["nova.scheduler.weights.ram.RAMWeigher", "nova.scheduler.weights.cpu.CPUWeigher"]
    found = load_weighers(classes=known, multipliers={"ram": 0.5})
    assert [(type(w), w.multiplier) for w in found] == [(RAMWeigher, 0.5), (CPUWeigher, 1.0)]
    known = ["nova.scheduler.weights.compute.BuildFailureWeigher"]
    known += ["nova.scheduler.weights.metrics.MetricsWeigher"]
    found = load_weighers(classes=known, multipliers={"build_failure": 1e6})
    assert [(type(w), w.multiplier) for w in found] == [
        (BuildFailureWeigher, 1e6),
        (MetricsWeigher, 1.0),
    ]
    with pytest.raises(Invalid):
        load_weighers(classes=["nova.scheduler.weights.Nothing"], multipliers={})


def test_weighing_many_says_what_weighing_each_says():
    """Also after room was given out, and for hosts with several providers."""
    pool = ProviderSummary("pool", None, "pool", frozenset(), {"DISK_GB": Room(10, 7)})
    plain = answer_for(*HOSTS, free=FREE)
    shared = AllocationRequest(
        {HOSTS[0].node_uuid: {"VCPU": 1}, "pool": {"DISK_GB": 2}}, {"": ("pool",)}
    )
    answer = Candidates((shared, *plain.requests[1:]), {"pool": pool, **plain.summaries})
    candidates = group_by_host(answer, {h.node_uuid: h for h in HOSTS})
    weighers = (RAMWeigher(), CPUWeigher(), DiskWeigher())
    for _ in range(2):
        for weigher in weighers:
            each = [weigher.weigh(candidate, ASK) for candidate in candidates]
            assert list(weigher.weigh_all(candidates, ASK)) == each
        assert DiskWeigher().weigh_all(candidates, ASK)[0] in (3, 1)
        candidates[0].ledger.take(shared)
