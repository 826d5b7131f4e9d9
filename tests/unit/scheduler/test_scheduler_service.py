"""The scheduler as others meet it: over a bus, and from options."""

from __future__ import annotations

import pytest
from oslo_config import cfg

import nova.conf
from groundwork.errors import Invalid, Late
from nova.context import RequestContext
from nova.domain.outlook import Outlook
from nova.errors import NoValidHost
from nova.lifecycle.accept import CreateRequest
from nova.lifecycle.dry_run import DryRuns
from nova.rpc.bus import Address, Bus
from nova.rpc.message import decode, encode
from nova.scheduler.candidates import Candidate, Ledger
from nova.scheduler.decision import Standings
from nova.scheduler.filters.availability_zone_filter import AvailabilityZoneFilter
from nova.scheduler.filters.compute_filter import ComputeFilter
from nova.scheduler.host_view import Ask, ImageOnHost
from nova.scheduler.messages import SCHEDULER_TOPIC, DryRun, SelectDestinations, Selections
from nova.scheduler.options import rules_from_conf
from nova.scheduler.service import SchedulerEndpoint
from nova.scheduler.weights.standard_weighers import RAMWeigher
from tests.api.deployment import make_server
from tests.unit.scheduler.harness import NOW, make_host, make_plant, make_spec, server_uuids


@pytest.fixture
def bus():
    conf = cfg.ConfigOpts()
    made = Bus(conf, "local:///scheduler-test")
    conf([])
    yield made
    made.close()


def test_hosts_are_selected_over_the_bus(bus):
    plant = make_plant(make_host("a"), make_host("b"))
    contexts = []

    def placement_for(context, deadline=None):
        contexts.append(context.request_id)
        assert deadline is None or 0 < deadline.left_s() <= 5
        return plant.placement

    endpoint = SchedulerEndpoint(
        selector=plant.selector,
        rehearsal=plant.rehearsal,
        placement_for=placement_for,
        new_seed=lambda: 0,
    )
    server = bus.serve(Address(SCHEDULER_TOPIC, "host"), endpoint, threads=2)
    server.start()
    try:
        context = RequestContext.admin()
        message = SelectDestinations(make_spec(), server_uuids(3), alternates=1)
        found = bus.call(context, Address(SCHEDULER_TOPIC), message, timeout_s=10)
        assert isinstance(found, Selections)
        assert [s.server_uuid for s in found.servers] == list(server_uuids(3))
        assert found.servers[0].chosen.allocations.keys() <= set(plant.placement.providers)
        assert contexts == [context.request_id]

        message = SelectDestinations(make_spec(), server_uuids(100))
        with pytest.raises(NoValidHost) as caught:
            bus.call(context, Address(SCHEDULER_TOPIC), message, timeout_s=10)
        assert caught.value.facts["hosts"] == 2
        assert caught.value.facts["removed"]["VCPU (1 asked)"] == 2

        claims = list(plant.placement.claims)
        message = DryRun(make_spec(), count=100, alternates=1, within_s=5)
        outlook = bus.call(context, Address(SCHEDULER_TOPIC), message, timeout_s=10)
        assert isinstance(outlook, Outlook)
        assert outlook.changes[0].text == "ask for 5 servers instead of 100"
        message = DryRun(make_spec(), count=5, alternates=1, within_s=5)
        outlook = bus.call(context, Address(SCHEDULER_TOPIC), message, timeout_s=10)
        assert [len(plan.alternates) for plan in outlook.plans] == [0] * 5
        assert plant.placement.claims == claims
    finally:
        server.stop()
        server.wait()


def test_a_dry_run_without_scheduler_is_late(bus):
    request = CreateRequest(template=make_server(), spec=make_spec())
    with pytest.raises(Late):
        DryRuns(bus, max_attempts=3, within_s=0.1, grace_s=0.1).ask(RequestContext.admin(), request)


def test_selections_survive_their_journey():
    found = make_plant(make_host("a"), make_host("b")).select(count=2, alternates=1)
    assert decode(encode(found, Selections), Selections) == found


def test_default_options_make_rules():
    conf = nova.conf.new()
    conf([])
    rules = rules_from_conf(conf)
    assert [type(f).__name__ for f in rules.filters] == [
        "ComputeFilter",
        "ComputeCapabilitiesFilter",
        "ImagePropertiesFilter",
        "ServerGroupAntiAffinityFilter",
        "ServerGroupAffinityFilter",
        "AvailabilityZoneFilter",
    ]
    assert {w.name: w.multiplier for w in rules.weighers} == {
        "ram": 1.0,
        "cpu": 1.0,
        "disk": 1.0,
        "io_ops": -1.0,
        "num_instances": 0.0,
        "hypervisor_version": 1.0,
        "soft_affinity": 1.0,
        "soft_anti_affinity": 1.0,
        "image_props": 0.0,
        "metrics": 1.0,
        "pci": 1.0,
        "build_failure": 1_000_000.0,
        "cross_cell_move": 1_000_000.0,
    }
    assert rules.needs_counts
    assert not rules.needs_images
    assert not rules.needs_server_hosts
    assert conf.scheduler.max_placement_results == 1000
    assert conf.scheduler.max_attempts == 3


def test_options_reach_their_rules():
    conf = nova.conf.new()
    conf([])
    conf.set_override("enabled_filters", ["ComputeFilter"], group="filter_scheduler")
    conf.set_override("ram_weight_multiplier", -3.0, group="filter_scheduler")
    weigher = f"{RAMWeigher.__module__}.RAMWeigher"
    conf.set_override("weight_classes", [weigher], group="filter_scheduler")
    conf.set_override("host_subset_size", 7, group="filter_scheduler")
    rules = rules_from_conf(conf)
    assert [type(f) for f in rules.filters] == [ComputeFilter, AvailabilityZoneFilter]
    assert rules.weighers[0].multiplier == -3.0
    assert rules.host_subset_size == 7
    assert not rules.needs_counts


@pytest.mark.parametrize("zone", ["nova", "nowhere"])
def test_zones_hold_though_no_filter_of_zones_is_enabled(zone):
    """Lists of filters of other deployments do not name one, and servers for the default zone went to any."""
    conf = nova.conf.new()
    conf([])
    enabled = ["ComputeFilter", "ComputeCapabilitiesFilter", "ImagePropertiesFilter"]
    conf.set_override("enabled_filters", enabled, group="filter_scheduler")
    ask = Ask(make_spec(availability_zone=zone), NOW)
    elsewhere = Candidate(make_host("a", zone="east"), [], (), Ledger({}))
    standings = Standings(ask, [elsewhere], rules_from_conf(conf), seed=1)
    assert not len(standings.candidates)
    assert standings.removed["AvailabilityZoneFilter"] == 1


def test_an_architecture_that_is_none_is_told_to_the_operator():
    """A slip of the pen was taken for an architecture that no host has: images that name none found no host."""
    conf = nova.conf.new()
    conf([])
    name = "image_properties_default_architecture"
    conf.set_override(name, "aarch64", group="filter_scheduler")
    with pytest.raises(ValueError, match="x86-64"):
        conf.set_override(name, "x86-64", group="filter_scheduler")


def test_unknown_filter_is_told():
    conf = nova.conf.new()
    conf([])
    conf.set_override("enabled_filters", ["RetryFilter"], group="filter_scheduler")
    with pytest.raises(Invalid, match="RetryFilter"):
        rules_from_conf(conf)


def test_devices_in_placement_are_refused_in_one_line():
    conf = nova.conf.new()
    conf([])
    conf.set_override("pci_in_placement", True, group="filter_scheduler")
    with pytest.raises(Invalid, match=r"\[filter_scheduler\] pci_in_placement") as caught:
        rules_from_conf(conf)
    assert "\n" not in caught.value.text


@pytest.mark.parametrize(
    ("group", "name"),
    [
        ("filter_scheduler", "track_instance_changes"),
        ("scheduler", "query_placement_for_routed_network_aggregates"),
    ],
)
def test_options_without_effect_say_so(group, name):
    """They are declared, so that they are not ignored in silence."""
    conf = nova.conf.new()
    conf([])
    for value in (True, False):
        conf.set_override(name, value, group=group)
        assert rules_from_conf(conf).filters
    [declared] = [
        o for g, options in nova.conf.declared() if g == group for o in options if o.name == name
    ]
    assert declared.help.startswith("Has no effect")


def test_options_of_metrics_reach_filter_and_weigher():
    conf = nova.conf.new()
    conf([])
    conf.set_override("enabled_filters", ["MetricsFilter"], group="filter_scheduler")
    conf.set_override("weight_setting", ["cpu.percent=-2", "power = 1.5"], group="metrics")
    conf.set_override("weight_multiplier", 3.0, group="metrics")
    conf.set_override("required", False, group="metrics")
    conf.set_override("weight_of_unavailable", -7.0, group="metrics")
    rules = rules_from_conf(conf)
    [weigher] = [w for w in rules.weighers if w.name == "metrics"]
    [metrics_filter, _] = rules.filters
    assert weigher.multiplier == 3.0
    ask = Ask(make_spec(), NOW)
    for metrics, weight, passes in (
        ({"cpu.percent": 10, "power": 4}, -14.0, True),
        ({"cpu.percent": 10}, -7.0, False),
        ({}, -7.0, False),
    ):
        host = make_host("a", metrics=metrics)
        assert weigher.weigh(Candidate(host, [], (), Ledger({})), ask) == weight
        assert (metrics_filter.reject(host, ask) is None) is passes

    for nonsense in ("cpu.percent", "cpu.percent=x", "cpu.percent=nan", "cpu.percent=-inf"):
        conf.set_override("weight_setting", [nonsense], group="metrics")
        told = rf"\[metrics\] weight_setting: '{nonsense}' is not METRIC=NUMBER"
        with pytest.raises(Invalid, match=told):
            rules_from_conf(conf)


def test_weights_of_image_properties_are_read():
    conf = nova.conf.new()
    conf([])
    conf.set_override("image_props_weight_multiplier", 2.0, group="filter_scheduler")
    settings = ["os_distro=2", "hw_machine_type = 0"]
    conf.set_override("image_props_weight_setting", settings, group="filter_scheduler")
    rules = rules_from_conf(conf)
    assert rules.needs_images
    [weigher] = [w for w in rules.weighers if w.name == "image_props"]
    host = make_host("a", images=(ImageOnHost({"os_distro": "x", "hw_machine_type": "pc"}, 3),))
    spec = make_spec(image_properties={"os_distro": "x", "hw_machine_type": "pc"})
    assert weigher.weigh(Candidate(host, [], (), Ledger({})), Ask(spec, NOW)) == 6

    for nonsense in ("os_distro", "os_distro=many"):
        conf.set_override("image_props_weight_setting", [nonsense], group="filter_scheduler")
        with pytest.raises(Invalid, match="is not PROPERTY=NUMBER") as caught:
            rules_from_conf(conf)
        assert "\n" not in caught.value.text
