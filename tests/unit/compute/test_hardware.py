"""What of a machine is offered to guests, and options that make no sense."""

from __future__ import annotations

import pytest

import nova.conf
from groundwork.errors import Invalid
from nova.compute.device_spec import offered_devices, read_device_specs
from nova.compute.hardware import HardwarePolicy, hardware_policy_from_conf
from nova.domain.hardware import Hardware, HostCell, Pages, PciDevice
from nova.virt.provider_tree import Inventory, Provider, ProviderTree

CELLS = (
    HostCell(0, (0, 1, 2, 3), pages=(Pages(4, 1024),), siblings=((0, 1), (2, 3)), socket=0),
    HostCell(1, (4, 5, 6, 7), pages=(Pages(4, 1024),), siblings=((4, 5), (6, 7)), socket=1),
)
GPU = PciDevice("0000:81:00.0", "10de", "1eb8", numa_node=1)
NIC = PciDevice("0000:82:00.1", "8086", "154c")
MACHINE = Hardware(CELLS, (GPU, NIC))


def policy(**options: object) -> HardwarePolicy:
    """``cpu_*_set``, ``device_spec``, and ratios as in ``[DEFAULT]``."""
    conf = nova.conf.new()
    conf([], project="nova", default_config_files=[])
    for name, value in options.items():
        group = {"cpu_shared_set": "compute", "cpu_dedicated_set": "compute", "device_spec": "pci"}
        conf.set_override(name, value, group=group.get(name))
    return hardware_policy_from_conf(conf)


@pytest.mark.parametrize(
    ("options", "shared", "dedicated"),
    [
        ({}, [(0, 1, 2, 3), (4, 5, 6, 7)], [(), ()]),
        ({"cpu_dedicated_set": "2-5"}, [(), ()], [(2, 3), (4, 5)]),
        ({"cpu_shared_set": "0,4-9"}, [(0,), (4, 5, 6, 7)], [(), ()]),
        (
            {"cpu_shared_set": "0,4", "cpu_dedicated_set": "2-7,^4"},
            [(0,), (4,)],
            [(2, 3), (5, 6, 7)],
        ),
    ],
)
def test_cpus_are_divided(
    options: dict[str, str],
    shared: list[tuple[int, ...]],
    dedicated: list[tuple[int, ...]],
) -> None:
    made = policy(cpu_allocation_ratio=2.0, **options)
    offered = made.offered(MACHINE)
    assert offered is not None
    assert [cell.cpus for cell in offered.cells] == shared
    assert [cell.dedicated for cell in offered.cells] == dedicated
    assert (offered.cpu_ratio, offered.ram_ratio, offered.devices) == (2.0, 1.0, ())
    tree = ProviderTree([Provider("u", "node", inventories={"VCPU": Inventory(8)})])
    made.split_cpus(tree, "node", MACHINE)
    expected = {}
    if count := sum(map(len, shared)):
        expected["VCPU"] = Inventory(count)
    if count := sum(map(len, dedicated)):
        expected["PCPU"] = Inventory(count, reserved=0, allocation_ratio=1.0)
    assert tree.provider("node").inventories == expected


def test_a_machine_that_tells_no_topology_has_its_cpus_divided_by_their_number() -> None:
    tree = ProviderTree(
        [Provider("u", "node", inventories={"VCPU": Inventory(4), "MEMORY_MB": Inventory(1)})]
    )
    policy(cpu_shared_set="0", cpu_dedicated_set="1-9").split_cpus(tree, "node", None)
    assert tree.provider("node").inventories == {
        "MEMORY_MB": Inventory(1),
        "VCPU": Inventory(1),
        "PCPU": Inventory(3, reserved=0, allocation_ratio=1.0),
    }
    assert policy().offered(None) is None


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ([], []),
        (['{"vendor_id": "10DE"}'], [GPU]),
        (['{"vendor_id": "*", "product_id": "154c"}'], [NIC]),
        (['{"address": "*:81:00.*"}'], [GPU]),
        (['{"address": "82:00"}'], [NIC]),
        (['{"address": {"bus": "8[12]", "function": "0"}}'], [GPU]),
        (['[{"vendor_id": "10de"}, {"vendor_id": "8086"}]'], [GPU, NIC]),
        (['{"vendor_id": "10de", "product_id": "154c"}', '{"vendor_id": "8086"}'], [NIC]),
    ],
)
def test_devices_are_offered_that_a_spec_fits(lines: list[str], found: list[PciDevice]) -> None:
    assert list(offered_devices(MACHINE.devices, read_device_specs(lines))) == found


def test_network_cards_get_their_network() -> None:
    specs = read_device_specs(['{"vendor_id": "8086", "physical_network": "physnet1"}', "{}"])
    networks = [device.physical_network for device in offered_devices(MACHINE.devices, specs)]
    assert networks == [None, "physnet1"]


@pytest.mark.parametrize(
    ("option", "value", "why"),
    [
        ("cpu_dedicated_set", "4-", "cpu_dedicated_set: '4-' is no set of CPUs"),
        ("cpu_shared_set", "4-2", "cpu_shared_set: '4-2' is no set of CPUs"),
        ("device_spec", ["gpu"], "device_spec gpu: no JSON"),
        ("device_spec", ["[1]"], "no JSON object"),
        ("device_spec", ['{"devname": "eth0"}'], "give an address"),
        ("device_spec", ['{"vendor": "10de"}'], "nobody knows what vendor means"),
        ("device_spec", ['{"vendor_id": "xyz"}'], "four hexadecimal digits"),
        ("device_spec", ['{"address": "81"}'], "no address such as"),
        ("device_spec", ['{"address": 81}'], "81 is no address"),
        ("device_spec", ['{"address": {"bus": "("}}'], "no regular expression"),
        ("device_spec", ['{"address": {"port": "1"}}'], "an address has no port"),
        ("device_spec", ['{"physical_network": 1}'], "1 is no name"),
    ],
)
def test_a_bad_option_is_one_line(option: str, value: object, why: str) -> None:
    with pytest.raises(Invalid, match=why) as refused:
        policy(**{option: value})
    assert "\n" not in str(refused.value)


def test_a_cpu_is_either_shared_or_dedicated() -> None:
    with pytest.raises(Invalid, match="both hold CPU 3"):
        policy(cpu_shared_set="0-3", cpu_dedicated_set="3-7")
