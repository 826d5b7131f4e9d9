"""Each filter as a table: host, request, and whether the host is refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from groundwork.errors import Invalid
from nova.clients.candidates import ProviderSummary, Room
from nova.scheduler.candidates import Candidate, Ledger
from nova.scheduler.filters import Filter, FilterOptions, Reason, all_filters, load_filters
from nova.scheduler.filters.aggregate_filters import (
    AggregateImagePropertiesIsolation,
    AggregateInstanceExtraSpecsFilter,
    AggregateMultiTenancyIsolation,
    AggregateTypeAffinityFilter,
)
from nova.scheduler.filters.all_hosts_filter import AllHostsFilter
from nova.scheduler.filters.availability_zone_filter import AvailabilityZoneFilter
from nova.scheduler.filters.cidr_affinity_filter import SimpleCIDRAffinityFilter
from nova.scheduler.filters.compute_capabilities_filter import ComputeCapabilitiesFilter
from nova.scheduler.filters.compute_filter import ComputeFilter
from nova.scheduler.filters.image_properties_filter import ImagePropertiesFilter
from nova.scheduler.filters.isolated_hosts_filter import IsolatedHostsFilter
from nova.scheduler.filters.json_filter import JsonFilter
from nova.scheduler.filters.load_filters import (
    AggregateIoOpsFilter,
    AggregateNumInstancesFilter,
    IoOpsFilter,
    NumInstancesFilter,
)
from nova.scheduler.filters.metrics_filter import MetricsFilter
from nova.scheduler.filters.near_servers_filter import DifferentHostFilter, SameHostFilter
from nova.scheduler.filters.requirement import is_met
from nova.scheduler.host_view import AggregateView, Ask, HostView
from tests.unit.scheduler.harness import NOW, SMALL, make_host, make_spec


def aggregates(*metadata: dict[str, str]) -> dict[str, object]:
    return {"aggregates": tuple(AggregateView(str(n), str(n), m) for n, m in enumerate(metadata))}


def specs(**extra_specs: str) -> dict[str, object]:
    return {"flavor": replace(SMALL, extra_specs=extra_specs)}


def image(**properties: str) -> dict[str, object]:
    return {"image_properties": properties}


def candidate_on(host: HostView) -> Candidate:
    """The host with 10 of 16 VCPU, 6000 of 8000 MiB and 30 of 40 GiB free."""
    rooms = {"VCPU": Room(16, 6), "MEMORY_MB": Room(8000, 2000), "DISK_GB": Room(40, 10)}
    uuid = host.node_uuid
    summary = ProviderSummary(uuid, None, uuid, frozenset(), rooms)
    return Candidate(host, [], (uuid,), Ledger({uuid: summary}))


def check(
    rule: Filter, host: dict, wishes: dict, passes: bool, server_hosts: dict | None = None
) -> None:
    ask = Ask(make_spec(**wishes), NOW, server_hosts or {})
    reason = rule.reject_candidate(candidate_on(make_host("h", **host)), ask)
    assert (reason is None) == passes
    if reason is not None:
        assert rule.applies(ask)
        assert isinstance(reason, Reason)
        assert reason.constraint == type(rule).__name__
        assert reason.text


@pytest.mark.parametrize(
    ("host", "passes"),
    [
        ({}, True),
        ({"is_enabled": False}, False),
        ({"forced_down": True}, False),
        ({"last_seen_up": None}, False),
        ({"last_seen_up": NOW - timedelta(seconds=60)}, True),
        ({"last_seen_up": NOW - timedelta(seconds=61)}, False),
        ({"last_seen_up": NOW + timedelta(seconds=61)}, False),
    ],
)
def test_compute(host, passes):
    check(ComputeFilter(service_down_time_s=60), host, {}, passes)


@pytest.mark.parametrize(
    ("zone", "asked", "passes"),
    [("nova", None, True), ("nova", "nova", True), ("nova", "east", False), ("east", "east", True)],
)
def test_availability_zone(zone, asked, passes):
    check(AvailabilityZoneFilter(), {"zone": zone}, {"availability_zone": asked}, passes)


@pytest.mark.parametrize(
    ("rule", "host", "passes"),
    [
        (NumInstancesFilter(limit=5), {"num_instances": 4}, True),
        (NumInstancesFilter(limit=5), {"num_instances": 5}, False),
        (IoOpsFilter(limit=8), {"num_io_ops": 7}, True),
        (IoOpsFilter(limit=8), {"num_io_ops": 8}, False),
        (
            AggregateNumInstancesFilter(limit=5),
            {"num_instances": 4} | aggregates({"max_instances_per_host": "3"}),
            False,
        ),
        (
            AggregateNumInstancesFilter(limit=5),
            {"num_instances": 4} | aggregates({"max_instances_per_host": "many"}),
            True,
        ),
        (
            AggregateIoOpsFilter(limit=1),
            {"num_io_ops": 3}
            | aggregates({"max_io_ops_per_host": "9"}, {"max_io_ops_per_host": "4"}),
            True,
        ),
        (AggregateIoOpsFilter(limit=1), {"num_io_ops": 3}, False),
    ],
)
def test_load(rule, host, passes):
    check(rule, host, {}, passes)


@pytest.mark.parametrize(
    ("extra_specs", "passes"),
    [
        ({}, True),
        ({"capabilities:hypervisor_type": "fake"}, True),
        ({"capabilities:hypervisor_type": "s== QEMU"}, False),
        ({"capabilities:cpu_info:features": "<in> avx"}, True),
        ({"capabilities:cpu_info:features": "<all-in> avx aes"}, False),
        ({"capabilities:cpu_info:topology:cores": ">= 8"}, True),
        ({"capabilities:cpu_info:topology:cores": "> 8"}, False),
        ({"capabilities:cpu_info:nothing": "1"}, False),
        ({"capabilities:hypervisor_version": ">= 1000000"}, True),
        ({"capabilities:vcpus_total": "= 16"}, True),
        ({"capabilities:vcpus_total": "= 17"}, False),
        ({"capabilities:no_such_thing": "1"}, False),
        ({"capabilities:free_ram_mb": ">= 6000"}, True),
        ({"capabilities:free_ram_mb": ">= 6001"}, False),
        ({"capabilities:free_disk_mb": ">= 30720"}, True),
        ({"free_disk_mb": ">= 30721"}, False),
        ({"capabilities:vcpus_used": "== 6"}, True),
        ({"hypervisor_type": "fake"}, True),
        ({"hypervisor_type": "QEMU"}, False),
        ({"group_policy": "none", "trait:X": "required", "hw:cpu_policy": "shared"}, True),
    ],
)
def test_compute_capabilities(extra_specs, passes):
    host = {"cpu_info": {"features": ["avx", "sse"], "topology": {"cores": 8}}, "vcpus": 16}
    check(ComputeCapabilitiesFilter(), host, specs(**extra_specs), passes)


@pytest.mark.parametrize(
    ("properties", "host", "passes"),
    [
        ({}, {}, True),
        ({"hw_architecture": "x86_64"}, {}, True),
        ({"architecture": "aarch64"}, {}, False),
        ({"hw_architecture": "i686"}, {}, True),
        ({"hw_architecture": "amd64"}, {}, True),
        ({"hw_architecture": "aarch64"}, {"cpu_info": {}}, True),
        ({"img_hv_type": "fake"}, {}, True),
        ({"img_hv_type": "kvm"}, {"hypervisor_type": "QEMU"}, True),
        ({"hypervisor_type": "vmware"}, {}, False),
        ({"img_hv_requested_version": ">=6.0,<6.2"}, {"hypervisor_version": 6001009}, True),
        ({"img_hv_requested_version": ">=6.0,<6.2"}, {"hypervisor_version": 6002000}, False),
        ({"img_hv_requested_version": "6.2"}, {"hypervisor_version": 6002000}, True),
        ({"img_hv_requested_version": "soon"}, {}, False),
    ],
)
def test_image_properties(properties, host, passes):
    check(ImagePropertiesFilter(), host, image(**properties), passes)


def test_image_without_architecture_has_the_default_one():
    check(ImagePropertiesFilter(default_architecture="aarch64"), {}, {}, False)
    check(ImagePropertiesFilter(default_architecture="x86_64"), {}, {}, True)


@pytest.mark.parametrize(
    ("host", "image_id", "restrict", "passes"),
    [
        ("h", "secret", True, True),
        ("h", "open", True, False),
        ("h", "open", False, True),
        ("other", "secret", True, False),
        ("other", "open", True, True),
        ("other", None, True, True),
    ],
)
def test_isolated_hosts(host, image_id, restrict, passes):
    rule = IsolatedHostsFilter(images=("secret",), hosts=("h",), restrict=restrict)
    check(rule, {"host": host}, {"image_id": image_id}, passes)


@pytest.mark.parametrize(
    ("rule", "host", "wishes", "passes"),
    [
        (AggregateInstanceExtraSpecsFilter(), {}, specs(ssd="true"), False),
        (AggregateInstanceExtraSpecsFilter(), aggregates({"ssd": "true"}), specs(ssd="true"), True),
        (
            AggregateInstanceExtraSpecsFilter(),
            aggregates({"cpu": "9,5"}),
            specs(**{"aggregate_instance_extra_specs:cpu": ">= 8"}),
            True,
        ),
        (AggregateInstanceExtraSpecsFilter(), {}, specs(**{"capabilities:x": "1"}), True),
        (AggregateMultiTenancyIsolation(), {}, {}, True),
        (AggregateMultiTenancyIsolation(), aggregates({"filter_tenant_id": "other"}), {}, False),
        (
            AggregateMultiTenancyIsolation(),
            aggregates({"filter_tenant_id": "other", "filter_tenant_id3": "more, project"}),
            {},
            True,
        ),
        (AggregateTypeAffinityFilter(), aggregates({"instance_type": "m1.small,x"}), {}, True),
        (AggregateTypeAffinityFilter(), aggregates({"instance_type": "m1.large"}), {}, False),
        (
            AggregateImagePropertiesIsolation(),
            aggregates({"os": "linux"}),
            image(os="windows"),
            False,
        ),
        (AggregateImagePropertiesIsolation(), aggregates({"os": "linux"}), image(os="linux"), True),
        (AggregateImagePropertiesIsolation(), aggregates({"os": "linux"}), {}, True),
        (
            AggregateImagePropertiesIsolation(namespace="iso"),
            aggregates({"os": "linux", "iso.x": "1"}),
            image(os="windows", **{"iso.x": "1"}),
            True,
        ),
        (
            AggregateImagePropertiesIsolation(namespace="iso"),
            aggregates({"iso.x": "1"}),
            image(**{"iso.x": "2"}),
            False,
        ),
    ],
)
def test_aggregates(rule, host, wishes, passes):
    check(rule, host, wishes, passes)


@pytest.mark.parametrize(
    ("hints", "passes"),
    [
        ({}, True),
        ({"build_near_host_ip": "10.0.0.9"}, True),
        ({"build_near_host_ip": ["10.0.1.9"]}, False),
        ({"build_near_host_ip": "10.0.1.9", "cidr": "/16"}, True),
        ({"build_near_host_ip": "nowhere"}, False),
    ],
)
def test_cidr_affinity(hints, passes):
    check(SimpleCIDRAffinityFilter(), {"host_ip": "10.0.0.1"}, {"scheduler_hints": hints}, passes)


@pytest.mark.parametrize(
    ("value", "requirement", "met"),
    [
        ("a", "a", True),
        ("a b", "a b", True),
        ("b", "<or> a <or> b", True),
        ("c", "<or> a <or> b", False),
        ("a b", "<or> a b <or> c", True),
        ("abc", "<in> b", True),
        (["abc"], "<in> b", False),
        ("a b c", "<all-in> a c", True),
        ("b", "s> a", True),
        ("b", "s<= a", False),
        ("b", "s!= a", True),
        (7, "!= 7", False),
        (7, "== 7.0", True),
        ("7", "<= 8", True),
        ("x", ">= 1", False),
        (7, ">=", False),
        ("", "", True),
    ],
)
def test_requirement(value, requirement, met):
    assert is_met(value, requirement) is met


def test_filters_are_loaded_in_the_order_of_their_names():
    found = load_filters(
        available=["nova.scheduler.filters.all_filters"],
        enabled=["NumInstancesFilter", "ComputeFilter"],
        options=FilterOptions(max_instances_per_host=2),
    )
    assert [type(f) for f in found] == [NumInstancesFilter, ComputeFilter]
    assert found[0].reject(make_host("h", num_instances=2), Ask(make_spec(), NOW)) is not None


def test_every_filter_can_be_made_from_options():
    assert len({type(f.from_options(FilterOptions())) for f in all_filters()}) == 23


@pytest.mark.parametrize(
    ("available", "enabled", "told"),
    [
        (["nova.scheduler.filters.all_filters"], ["NoSuchFilter"], "NoSuchFilter"),
        (["nowhere.Filter"], [], "nowhere.Filter"),
        (["Filter"], [], "Filter"),
        (["nova.scheduler.host_view.HostView"], [], "HostView"),
        (["nova.scheduler.filters.__all__"], [], "neither"),
    ],
)
def test_wrong_class_paths_are_told_in_one_line(available, enabled, told):
    with pytest.raises(Invalid, match=told) as caught:
        load_filters(available=available, enabled=enabled, options=FilterOptions())
    assert "\n" not in caught.value.text


@pytest.mark.parametrize(
    ("metrics", "host", "passes"),
    [
        ((), {}, True),
        (("cpu.percent",), {}, False),
        (("cpu.percent",), {"cpu.percent": 0.0}, True),
        (("cpu.percent", "power"), {"cpu.percent": 0.0}, False),
        (("cpu.percent", "power"), {"cpu.percent": 0.0, "power": 7, "more": 1}, True),
    ],
)
def test_metrics(metrics, host, passes):
    check(MetricsFilter(metrics=metrics), {"metrics": host}, {}, passes)


@pytest.mark.parametrize("host", [{}, {"forced_down": True}, {"num_instances": 1000}])
def test_all_hosts(host):
    check(AllHostsFilter(), host, {}, True)


@pytest.mark.parametrize(
    ("rule", "hints", "passes"),
    [
        (SameHostFilter(), {}, True),
        (SameHostFilter(), {"same_host": "here"}, True),
        (SameHostFilter(), {"same_host": ["there", "here"]}, True),
        (SameHostFilter(), {"same_host": ["there"]}, False),
        (SameHostFilter(), {"same_host": ["nowhere"]}, False),
        (SameHostFilter(), {"different_host": ["here"]}, True),
        (DifferentHostFilter(), {}, True),
        (DifferentHostFilter(), {"different_host": "here"}, False),
        (DifferentHostFilter(), {"different_host": ["there", "here"]}, False),
        (DifferentHostFilter(), {"different_host": ["there", "nowhere"]}, True),
        (DifferentHostFilter(), {"same_host": ["here"]}, True),
    ],
)
def test_near_servers(rule, hints, passes):
    places = {"here": "h", "there": "other"}
    check(rule, {}, {"scheduler_hints": hints}, passes, server_hosts=places)


@pytest.mark.parametrize(
    ("query", "passes"),
    [
        (None, True),
        ('["and", [">=", "$free_ram_mb", 6000], [">=", "$free_disk_mb", 30720]]', True),
        ('["and", [">=", "$free_ram_mb", 6000], [">=", "$free_disk_mb", 30721]]', False),
        ('["or", ["<", "$free_ram_mb", 1], ["=", "$host", "h"]]', True),
        (["=", "$hypervisor_hostname", "h"], True),
        (['["=", "$host", "other"]'], False),
        ('["not", ["=", "$host", "other"]]', True),
        ('["in", "$host", "a", "h"]', True),
        ('["in", "$host", "a", "b"]', False),
        ('["<", 1, 2, 3]', True),
        ('["<", 2, 1, 3]', False),
        ('["<=", "$vcpus_used", 6]', True),
        ('["=", "$cpu_info.arch", "x86_64"]', True),
        ('["=", "$cpu_info.arch.deeper", "x86_64"]', False),
        ('["=", "$nothing", "x"]', False),
        ('[">", "$nothing", 1]', False),
        ('[">", "$host", 1]', False),
        ('["like", "$host", "h"]', False),
        ('[["="], 1, 1]', False),
        ('["="]', False),
        ("[]", True),
        ("no JSON", False),
        # Each of these let every host through.
        ({"=": ["$host", "other"]}, False),
        ('{"=": ["$host", "other"]}', False),
        ('"$host"', False),
        ("1", False),
        ("[" * 100 + "]" * 100, False),
        ("[" * 100_000, False),
    ],
)
def test_json(query, passes):
    hints = {} if query is None else {"query": query}
    check(JsonFilter(), {}, {"scheduler_hints": hints}, passes)


def test_filters_of_operators_stand_beside_the_known_ones():
    found = load_filters(
        available=["nova.scheduler.filters.all_filters", f"{__name__}.EvenHostsFilter"],
        enabled=["ComputeFilter", "EvenHostsFilter"],
        options=FilterOptions(),
    )
    assert [type(f) for f in found] == [ComputeFilter, EvenHostsFilter]


class EvenHostsFilter(Filter):
    """An operator's own filter."""

    def reject(self, host, ask):
        return None if host.host[-1] in "02468" else self.because("odd")


def test_known_filters_are_found_under_the_modules_that_configurations_name():
    found = load_filters(
        available=[
            "nova.scheduler.filters.affinity_filter.SameHostFilter",
            "nova.scheduler.filters.type_filter.AggregateTypeAffinityFilter",
            "nova.scheduler.filters.metrics_filter.MetricsFilter",
        ],
        enabled=["SameHostFilter", "AggregateTypeAffinityFilter", "MetricsFilter"],
        options=FilterOptions(),
    )
    assert [type(f) for f in found] == [SameHostFilter, AggregateTypeAffinityFilter, MetricsFilter]
