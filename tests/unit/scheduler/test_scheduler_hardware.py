"""NUMA nodes and PCI devices in the scheduler: what is asked of Placement, filters, the weigher."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from nova.domain.flavor import Flavor
from nova.domain.hardware import Hardware, HostCell, Pages, PciDevice, PinnedDevice, Pins
from nova.domain.numa import PciRequest, PciSpec
from nova.domain.request_spec import RequestSpec
from nova.errors import NoValidHost
from nova.scheduler.demand import candidate_query, total_resources
from nova.scheduler.filters.hardware_filters import NUMATopologyFilter, PciPassthroughFilter
from nova.scheduler.hardware_view import HardwareView
from nova.scheduler.host_view import Ask, HostView
from nova.scheduler.weights import PCIWeigher
from tests.unit.scheduler.harness import NOW, SMALL, Plant, make_host, make_plant, make_spec

FLAVOR = Flavor("1", "f", vcpus=4, memory_mb=512, root_gb=1)
GPU = (PciRequest("gpu", 1, (PciSpec("10de"),)),)


def with_specs(**extra_specs: str) -> Flavor:
    return replace(FLAVOR, extra_specs={f"hw:{name}": text for name, text in extra_specs.items()})


def gpus(count: int) -> tuple[PciDevice, ...]:
    return tuple(PciDevice(f"0000:81:0{n}.0", "10de", "1eb8", numa_node=0) for n in range(count))


def hardware(*held: Pins, cpus: int = 4, devices: int = 0) -> HardwareView:
    cell = HostCell(0, (), tuple(range(cpus)), (Pages(4, 1 << 20),))
    offered = Hardware((cell,), gpus(devices))
    texts = [msgspec.json.encode(pins).decode() for pins in held]
    return HardwareView(msgspec.json.encode(offered).decode(), texts)


# Placement


@pytest.mark.parametrize(
    ("flavor", "properties", "amounts"),
    [
        (FLAVOR, {}, {"VCPU": 4}),
        (with_specs(cpu_policy="dedicated"), {}, {"PCPU": 4}),
        (FLAVOR, {"hw_cpu_policy": "dedicated"}, {"PCPU": 4}),
        (with_specs(cpu_policy="mixed", cpu_dedicated_mask="1"), {}, {"PCPU": 1, "VCPU": 3}),
        (with_specs(numa_nodes="2"), {}, {"VCPU": 4}),
    ],
)
def test_cpus_of_its_own_are_asked_of_placement_as_pcpu(
    flavor: Flavor, properties: dict[str, str], amounts: dict[str, int]
) -> None:
    query = candidate_query(make_spec(flavor, image_properties=properties))
    assert total_resources(query) == {**amounts, "MEMORY_MB": 512, "DISK_GB": 1}


def test_thread_policies_are_asked_of_placement_as_a_trait() -> None:
    trait = "HW_CPU_HYPERTHREADING"
    for policy, required, forbidden in (
        ("prefer", False, False),
        ("require", True, False),
        ("isolate", False, True),
    ):
        flavor = with_specs(cpu_policy="dedicated", cpu_thread_policy=policy)
        query = candidate_query(make_spec(flavor))
        assert (trait in query.root_required) is required
        assert (trait in query.root_forbidden) is forbidden


def test_a_flavor_that_makes_no_sense_finds_no_host_and_says_why() -> None:
    plant = make_plant(make_host("a"))
    with pytest.raises(NoValidHost, match="hw:numa_nodes=x is no whole number"):
        plant.select(make_spec(with_specs(numa_nodes="x")))


# Filters


def why_not(
    filter_: NUMATopologyFilter | PciPassthroughFilter, host: HostView, spec: RequestSpec
) -> str | None:
    ask = Ask(spec, NOW)
    if not filter_.applies(ask):
        return "does not apply"
    reason = filter_.reject(host, ask)
    return reason and reason.text


def test_hosts_whose_nodes_are_full_are_filtered() -> None:
    spec = make_spec(with_specs(cpu_policy="dedicated"))
    found = hardware().fit(Ask(spec, NOW).numa, ())
    assert isinstance(found, Pins)
    full = make_host("a", hardware=hardware(found))
    filter_ = NUMATopologyFilter()
    assert why_not(filter_, make_host("a"), spec) == "reports neither NUMA nodes nor PCI devices"
    assert why_not(filter_, make_host("a", hardware=hardware()), spec) is None
    assert "does not fit" in str(why_not(filter_, full, spec))
    assert why_not(filter_, full, make_spec(FLAVOR)) == "does not apply"


def test_hosts_without_free_devices_are_filtered() -> None:
    spec = make_spec(FLAVOR, pci_requests=GPU)
    filter_ = PciPassthroughFilter()
    held = Pins(devices=(PinnedDevice("gpu", gpus(1)[0]),))
    assert why_not(filter_, make_host("a"), spec) == "reports neither NUMA nodes nor PCI devices"
    assert why_not(filter_, make_host("a", hardware=hardware(devices=1)), spec) is None
    full = make_host("a", hardware=hardware(held, devices=1))
    assert "lacks free PCI devices" in str(why_not(filter_, full, spec))
    assert why_not(filter_, full, make_spec(FLAVOR)) == "does not apply"


def plant_with(*hosts: HostView) -> Plant:
    return make_plant(
        *hosts, slots=9, filters=(NUMATopologyFilter(), PciPassthroughFilter()), weighers=()
    )


def test_servers_of_one_request_do_not_count_on_the_same_devices() -> None:
    plant = plant_with(
        make_host("a", hardware=hardware(devices=1)), make_host("b", hardware=hardware(devices=2))
    )
    spec = make_spec(SMALL, pci_requests=GPU)
    found = plant.select(spec, count=3)
    assert sorted(server.chosen.host for server in found.servers) == ["a", "b", "b"]
    with pytest.raises(NoValidHost, match="PciPassthroughFilter removed 2") as refused:
        plant.select(spec, count=4)
    assert refused.value.facts["removed"]["PciPassthroughFilter"] == 2


def test_the_alternates_have_room_too() -> None:
    plant = plant_with(
        make_host("a", hardware=hardware(devices=1)),
        make_host("b"),
        make_host("c", hardware=hardware(devices=1)),
    )
    [server] = plant.select(make_spec(SMALL, pci_requests=GPU), alternates=2).servers
    assert server.chosen.host == "a"
    assert [other.host for other in server.alternates] == ["c"]


# The weigher


def test_hosts_with_devices_are_kept_for_those_who_ask_for_them() -> None:
    hosts = (
        make_host("many", hardware=hardware(devices=3)),
        make_host("one", hardware=hardware(devices=1)),
        make_host("none"),
    )
    plant = make_plant(*hosts, filters=(PciPassthroughFilter(),), weighers=(PCIWeigher(),))

    def best(spec: RequestSpec) -> str:
        found = plant.select(spec, alternates=0)
        for server in found.servers:
            plant.placement.delete_allocation(server.server_uuid)
        return str(found.servers[0].chosen.host)

    assert best(make_spec()) == "none"
    assert best(make_spec(pci_requests=GPU)) == "one"
    assert best(make_spec(pci_requests=(replace(GPU[0], count=2),))) == "many"
