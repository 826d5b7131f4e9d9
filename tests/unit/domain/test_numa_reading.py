"""From flavors and images to NUMA requests, and what makes no sense."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from groundwork.errors import Invalid
from nova.domain.cpu_sets import parse_cpus
from nova.domain.flavor import Flavor
from nova.domain.hardware import DeviceType
from nova.domain.numa import (
    Affinity,
    GuestCell,
    NumaRequest,
    PageWish,
    PciRequest,
    PciSpec,
    ThreadPolicy,
)
from nova.domain.numa_reading import numa_request_of
from nova.domain.pci_aliases import pci_requests_of, read_aliases


def flavor(**extra_specs: str) -> Flavor:
    """4 vCPUs and 1024 MiB. Names get their prefix, and numbers of nodes their dot."""
    specs = {f"hw:{_dotted(name)}": value for name, value in extra_specs.items()}
    return Flavor("f", "f", vcpus=4, memory_mb=1024, root_gb=1, extra_specs=specs)


def _dotted(name: str) -> str:
    stem, _, number = name.rpartition("_")
    return f"{stem}.{number}" if number.isdigit() else name


def image(**properties: str) -> dict[str, str]:
    return {f"hw_{_dotted(name)}": value for name, value in properties.items()}


def test_nothing_is_asked_of_nodes_unless_something_says_so() -> None:
    assert numa_request_of(flavor(), {"hw_disk_bus": "virtio", "min_ram": "0"}) is None
    assert numa_request_of(flavor(cpu_policy="shared"), image(cpu_policy="shared")) is None


@pytest.mark.parametrize(
    ("extra_specs", "properties", "wanted"),
    [
        (
            {"numa_nodes": "2"},
            {},
            NumaRequest((GuestCell(0, 512, (0, 1)), GuestCell(1, 512, (2, 3)))),
        ),
        (
            {},
            {"numa_nodes": "1", "cpu_policy": "dedicated", "cpu_thread_policy": "isolate"},
            NumaRequest((GuestCell(0, 1024, own=(0, 1, 2, 3)),), threads=ThreadPolicy.ISOLATE),
        ),
        (
            {
                "numa_nodes": "2",
                "numa_cpus_0": "0,3",
                "numa_cpus_1": "1-2",
                "numa_mem_0": "1000",
                "numa_mem_1": "24",
            },
            {},
            NumaRequest((GuestCell(0, 1000, (0, 3)), GuestCell(1, 24, (1, 2)))),
        ),
        (
            {"cpu_policy": "mixed", "cpu_dedicated_mask": "^0-1", "mem_page_size": "2MB"},
            {},
            NumaRequest((GuestCell(0, 1024, (0, 1), (2, 3)),), pages=2048),
        ),
        (
            {"mem_page_size": "large"},
            {"mem_page_size": "1GB"},
            NumaRequest((GuestCell(0, 1024, (0, 1, 2, 3)),), pages=1 << 20),
        ),
        (
            {"mem_page_size": "any"},
            {},
            NumaRequest((GuestCell(0, 1024, (0, 1, 2, 3)),), pages=PageWish.ANY),
        ),
        (
            {"cpu_policy": "dedicated", "cpu_thread_policy": "prefer"},
            {"cpu_policy": "shared", "cpu_thread_policy": "require"},
            NumaRequest((GuestCell(0, 1024, own=(0, 1, 2, 3)),), threads=ThreadPolicy.REQUIRE),
        ),
    ],
)
def test_flavor_and_image_make_a_request(
    extra_specs: Mapping[str, str], properties: Mapping[str, str], wanted: NumaRequest
) -> None:
    assert numa_request_of(flavor(**extra_specs), image(**properties)) == wanted


@pytest.mark.parametrize(
    ("extra_specs", "properties", "text"),
    [
        ({"numa_nodes": "many"}, {}, "hw:numa_nodes=many is no whole number"),
        ({"numa_nodes": "0"}, {}, "1 to 128"),
        ({"numa_nodes": "3"}, {}, "cannot be divided evenly among 3"),
        ({"numa_nodes": "2"}, {"numa_nodes": "2"}, "may not override hw:numa_nodes"),
        ({"numa_nodes": "1"}, {"numa_cpus_0": "0-3"}, "may not override hw:numa_nodes"),
        ({"numa_cpus_0": "0-3"}, {}, "numa_cpus.0 has no meaning without hw:numa_nodes"),
        (
            {"numa_nodes": "1", "numa_cpus_1": "0-3", "numa_mem_1": "1024"},
            {},
            "of a NUMA node that is not there",
        ),
        ({"numa_nodes": "1", "numa_cpus_0": "0-3"}, {}, "hw:numa_mem.0 is missing"),
        ({"numa_nodes": "1", "numa_mem_0": "1024"}, {}, "hw:numa_cpus.0 is missing"),
        (
            {"numa_nodes": "1", "numa_cpus_0": "0-3", "numa_mem_0": "1"},
            {},
            "1 MiB in all, the flavor has 1024 MiB",
        ),
        ({"numa_nodes": "1", "numa_cpus_0": "0-2", "numa_mem_0": "1024"}, {}, "in exactly one"),
        ({"numa_nodes": "1", "numa_cpus_0": "0-4", "numa_mem_0": "1024"}, {}, "in exactly one"),
        ({"numa_nodes": "1", "numa_cpus_0": "x", "numa_mem_0": "1024"}, {}, "no set of CPUs"),
        ({"cpu_policy": "strict"}, {}, "none of shared, dedicated and mixed"),
        ({"cpu_policy": "shared"}, {"cpu_policy": "dedicated"}, "may not override"),
        ({"cpu_policy": "mixed", "cpu_dedicated_mask": "0"}, {"cpu_policy": "shared"}, "override"),
        ({"cpu_policy": "mixed"}, {}, "needs hw:cpu_dedicated_mask"),
        ({"cpu_policy": "mixed", "cpu_dedicated_mask": "0-3"}, {}, "leave some"),
        ({"cpu_policy": "mixed", "cpu_dedicated_mask": "9"}, {}, "that it does not have"),
        ({"cpu_dedicated_mask": "0"}, {}, "without hw:cpu_policy=mixed"),
        ({"cpu_thread_policy": "isolate"}, {}, "without hw:cpu_policy=dedicated"),
        ({"cpu_policy": "dedicated", "cpu_thread_policy": "odd"}, {}, "none of prefer"),
        (
            {"cpu_policy": "dedicated", "cpu_thread_policy": "isolate"},
            {"cpu_thread_policy": "require"},
            "may not override",
        ),
        ({}, {"mem_page_size": "2048"}, "needs a flavor with hw:mem_page_size"),
        ({"mem_page_size": "large"}, {"mem_page_size": "small"}, "may not override"),
        ({"mem_page_size": "huge"}, {}, "no page size"),
        ({"mem_page_size": "0"}, {}, "no page size"),
    ],
)
def test_nonsense_is_refused_with_the_wish_that_is_wrong(
    extra_specs: Mapping[str, str], properties: Mapping[str, str], text: str
) -> None:
    with pytest.raises(Invalid, match=text):
        numa_request_of(flavor(**extra_specs), image(**properties))


def test_sets_of_cpus() -> None:
    assert parse_cpus("0-3, ^2,8") == {0, 1, 3, 8}
    assert parse_cpus("^0", all_but=frozenset({0, 1})) == {1}
    for text in ("", "3-1", "a", "0-", "0-1,^0-1", "^0"):
        with pytest.raises(Invalid):
            parse_cpus(text)


# Aliases

GPU = '{"name": "gpu", "vendor_id": "10DE", "product_id": "1eb8", "numa_policy": "required"}'
NIC = '{"name": "nic", "vendor_id": "8086", "product_id": "154c", "device_type": "type-VF"}'
OTHER_NIC = '{"name": "nic", "vendor_id": "15b3", "device_type": "type-VF"}'
ALIASES = read_aliases([GPU, NIC, OTHER_NIC])
KEY = "pci_passthrough:alias"


def with_devices(text: str, **more: str) -> Flavor:
    plain = flavor(**more)
    return Flavor("f", "f", 4, 1024, 1, extra_specs={**plain.extra_specs, KEY: text})


def test_aliases_become_requests() -> None:
    nics = (PciSpec("8086", "154c", DeviceType.VF), PciSpec("15b3", None, DeviceType.VF))
    assert pci_requests_of(with_devices("gpu:2, nic:1"), {}, ALIASES) == (
        PciRequest("gpu", 2, (PciSpec("10de", "1eb8"),), Affinity.REQUIRED),
        PciRequest("nic", 1, nics, Affinity.LEGACY),
    )
    [one] = pci_requests_of(
        with_devices("gpu:1"), {"hw_pci_numa_affinity_policy": "socket"}, ALIASES
    )
    assert one.affinity is Affinity.SOCKET
    assert pci_requests_of(flavor(), {}, ALIASES) == ()


@pytest.mark.parametrize(
    ("asked", "properties", "text"),
    [
        (with_devices("tpu:1"), {}, "PCI alias tpu is not defined"),
        (with_devices("gpu:0"), {}, "no list of alias:count"),
        (with_devices("gpu:1,"), {}, "no list of alias:count"),
        (with_devices("gpu:300"), {}, "at most 256"),
        (flavor(pci_numa_affinity_policy="near"), {}, "none of required"),
        (flavor(), {"hw_pci_numa_affinity_policy": "near"}, "none of required"),
        (
            flavor(pci_numa_affinity_policy="required"),
            {"hw_pci_numa_affinity_policy": "legacy"},
            "may not override",
        ),
    ],
)
def test_devices_that_nobody_can_give(
    asked: Flavor, properties: Mapping[str, str], text: str
) -> None:
    with pytest.raises(Invalid, match=text):
        pci_requests_of(asked, properties, ALIASES)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("gpu", "no JSON"),
        ("[]", "no JSON object"),
        ('{"vendor_id": "10de"}', "needs a name"),
        ('{"name": "a:b", "vendor_id": "10de"}', "without commas and colons"),
        ('{"name": "a"}', "needs vendor_id or product_id"),
        ('{"name": "a", "vendor_id": "nvidia"}', "four hexadecimal digits"),
        ('{"name": "a", "vendor_id": 4318}', "four hexadecimal digits"),
        ('{"name": "a", "vendor_id": "10de", "device_type": "PF"}', "none of type-PCI"),
        ('{"name": "a", "vendor_id": "10de", "numa_policy": "near"}', "none of required"),
        ('{"name": "a", "vendor_id": "10de", "capability_type": "usb"}', "can only be pci"),
        ('{"name": "a", "vendor_id": "10de", "colour": "red"}', "nobody knows what colour means"),
        ('{"name": "gpu", "vendor_id": "10de"}', "another numa_policy"),
    ],
)
def test_a_bad_alias_is_one_line_for_the_operator(text: str, why: str) -> None:
    with pytest.raises(Invalid, match=why) as refused:
        read_aliases([GPU, text])
    assert str(refused.value).startswith(f"[pci] alias {text}: ")
    assert "\n" not in str(refused.value)
