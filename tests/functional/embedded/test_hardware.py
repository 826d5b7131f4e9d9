"""Servers with NUMA nodes, CPUs of their own and PCI devices, over the whole plane."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from groundwork.errors import Unavailable
from nova.cmd import cell as cell_module
from nova.compute.agent import ComputeAgent
from nova.db.cell import models as cell_models
from tests.functional.embedded import plane
from tests.functional.embedded.plane import ADMIN, Cloud, wait_for

# Each of the four hosts: two NUMA nodes of two cores with two threads; one core of each node is dedicated.
OPTIONS: dict[str, dict[str, Any]] = {
    "fake_driver": {
        "vcpus": 8,
        "memory_mb": 8192,
        "numa_cells": 2,
        "cpu_threads": 2,
        "pci_devices": "2x10de:1eb8@0, 15b3:101d@1",
    },
    "compute": {"cpu_dedicated_set": "2,3,6,7", "cpu_shared_set": "0-1,4-5"},
    "pci": {
        "device_spec": '{"vendor_id": "10de"}',
        "alias": '{"name": "gpu", "vendor_id": "10de", "numa_policy": "required"}',
    },
    "filter_scheduler": {
        "enabled_filters": "ComputeFilter,NUMATopologyFilter,PciPassthroughFilter"
    },
    "quota": {"instances": 40},
}

ALLOCATION_WRITES = ("PUT", "POST", "DELETE")


@pytest.fixture
def requests_to_placement(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Method and path of everything that Placement is asked."""
    seen: list[tuple[str, str]] = []
    make = plane.make_placement

    def recorded(folder: Path) -> Callable[..., Any]:
        application = make(folder)

        def serve(environ: dict[str, Any], start_response: Any) -> Any:
            seen.append((environ["REQUEST_METHOD"], environ["PATH_INFO"]))
            return application(environ, start_response)

        return serve

    monkeypatch.setattr(plane, "make_placement", recorded)
    return seen


class PlacementOfCompute:
    """Placement's client as computes get it: what is about allocations is counted, and refused."""

    tried: list[str] = []

    def __init__(self, real: Any) -> None:
        self._real = real

    def __getattr__(self, name: str) -> Any:
        if "alloc" in name or "claim" in name:
            self.tried.append(name)
            raise Unavailable(f"computes do not call {name}")
        return getattr(self._real, name)


@pytest.fixture
def cloud(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, requests_to_placement: list[tuple[str, str]]
) -> Iterator[Cloud]:
    make_compute = cell_module.compute

    def compute(*args: Any, placement: Any, **more: Any) -> ComputeAgent:
        return make_compute(*args, placement=PlacementOfCompute(placement), **more)

    monkeypatch.setattr(cell_module, "compute", compute)
    monkeypatch.setattr(PlacementOfCompute, "tried", [])
    cloud = Cloud(tmp_path, **OPTIONS)
    try:
        cloud.make_flavor("tiny")
        make_flavor(cloud, "own", 2, {"hw:cpu_policy": "dedicated", "hw:numa_nodes": "1"})
        make_flavor(cloud, "gpu", 1, {"pci_passthrough:alias": "gpu:1"})
        make_flavor(
            cloud, "both", 2, {"hw:cpu_policy": "dedicated", "pci_passthrough:alias": "gpu:1"}
        )
        yield cloud
        cloud.clear()
        cloud.assert_nothing_is_left()
        assert held(cloud) == {}
    finally:
        cloud.stop()


def make_flavor(cloud: Cloud, flavorid: str, vcpus: int, extra_specs: dict[str, str]) -> None:
    cloud.make_flavor(flavorid, vcpus=vcpus)
    cloud.compute(
        "POST",
        f"/flavors/{flavorid}/os-extra_specs",
        {"extra_specs": extra_specs},
        token=ADMIN,
        status=200,
    )


def held(cloud: Cloud) -> dict[str, tuple[str, list[int], list[str]]]:
    """What the cells say that each server holds: its host, CPUs and devices."""
    return {
        row.instance_uuid: (
            row.host,
            [cpu for cell in row.pins["cells"] for _, cpu in cell["pins"]],
            [pinned["device"]["address"] for pinned in row.pins["devices"]],
        )
        for cell in cloud.cells
        for row in cloud.rows(cell.name, cell_models.hardware_pins)
    }


def given(cloud: Cloud) -> dict[str, tuple[str, list[int], list[str]]]:
    """What the hypervisors say that each guest has."""
    return {
        record.uuid: (host, list(record.cpus), list(record.devices))
        for host, driver in cloud.drivers().items()
        for record in driver._files.read_all()
        if record.cpus or record.devices
    }


def dry_run(cloud: Cloud, wanted: dict[str, Any]) -> dict[str, Any]:
    answer = cloud.compute("POST", "/os-scheduler-dry-run", wanted, token=ADMIN, status=200)
    return dict(answer.json())


def assert_nobody_shares(cloud: Cloud) -> None:
    found = given(cloud)
    assert found == held(cloud)
    parts = [(host, part) for host, cpus, devices in found.values() for part in (*cpus, *devices)]
    assert len(parts) == len(set(parts))


def test_hosts_report_what_they_offer(cloud: Cloud) -> None:
    for row in cloud.rows("cell1", cell_models.compute_nodes):
        first, second = row.hardware["cells"]
        assert (first["cpus"], first["dedicated"]) == ([0, 1], [2, 3])
        assert (second["cpus"], second["dedicated"]) == ([4, 5], [6, 7])
        addresses = [device["address"] for device in row.hardware["devices"]]
        assert addresses == ["0000:81:00.0", "0000:82:00.0"]
        inventories = cloud.placement.get(f"/resource_providers/{row.uuid}/inventories")
        sizes = {
            name: (found["total"], found["allocation_ratio"])
            for name, found in inventories["inventories"].items()
        }
        assert sizes["VCPU"] == (4, 4.0)
        assert sizes["PCPU"] == (4, 1.0)


def test_compute_writes_no_allocations(
    cloud: Cloud, requests_to_placement: list[tuple[str, str]]
) -> None:
    """Compute does not write allocations again; it only checks NUMA and PCI"""
    requests_to_placement.clear()
    server = cloud.build(flavorRef="both")
    writes = [
        (method, path)
        for method, path in requests_to_placement
        if path.startswith("/allocations") and method in ALLOCATION_WRITES
    ]
    # The scheduler's claim, and nothing after it.
    assert writes == [("PUT", f"/allocations/{server['id']}")]
    assert PlacementOfCompute.tried == []
    host = server["OS-EXT-SRV-ATTR:host"]
    # The device is near to the first NUMA node, so the CPUs are of that one.
    assert held(cloud) == {server["id"]: (host, [2, 3], ["0000:81:00.0"])}
    allocation = cloud.placement.get(f"/allocations/{server['id']}")["allocations"]
    assert [each["resources"]["PCPU"] for each in allocation.values()] == [2]
    assert_nobody_shares(cloud)


def test_servers_of_one_request_get_all_devices_there_are(cloud: Cloud) -> None:
    cloud.create(flavorRef="gpu", min_count=8, max_count=8)
    uuids = cloud.listed()
    for uuid in uuids:
        cloud.wait_until(uuid, "ACTIVE")
    assert len(held(cloud)) == 8
    assert_nobody_shares(cloud)

    # The scheduler knows of the last ones two seconds later; until then the computes refuse.
    wanted = cloud.body(flavorRef="gpu")
    wait_for("the scheduler to see it", lambda: not dry_run(cloud, wanted)["would_fit"])
    [removed] = [
        each
        for each in dry_run(cloud, wanted)["constraints"]
        if each["name"] == "PciPassthroughFilter"
    ]
    assert removed["removed"] == 4
    late = cloud.create(flavorRef="gpu")
    fault = cloud.wait_until_error(late)["fault"]
    assert "PciPassthroughFilter removed 4" in fault["message"]


def test_servers_that_come_one_after_the_other_need_no_second_try(cloud: Cloud) -> None:
    """The scheduler does not have to read rows to know what it has given out itself."""
    uuids = [cloud.build(f"server-{number}", flavorRef="gpu")["id"] for number in range(8)]
    assert_nobody_shares(cloud)
    assert len(held(cloud)) == 8
    for uuid in uuids:
        [action] = cloud.compute.get(f"/servers/{uuid}/os-instance-actions")["instanceActions"]
        shown = cloud.compute.get(
            f"/servers/{uuid}/os-instance-actions/{action['request_id']}", token=ADMIN
        )
        events = [event["event"] for event in shown["instanceAction"]["events"]]
        assert events.count("compute_claim_hardware") == 1


def test_servers_that_come_at_once_never_share_a_cpu_or_device(cloud: Cloud) -> None:
    """More servers than there is hardware, by requests that know nothing of each other."""

    def create(number: int) -> str:
        answer = cloud.client()(
            "POST",
            "/servers",
            cloud.body(f"server-{number}", flavorRef=("gpu", "both", "own")[number % 3]),
            status=202,
        )
        return str(answer.json()["server"]["id"])

    with ThreadPoolExecutor(6) as clients:
        uuids = list(clients.map(create, range(18)))

    def settled() -> list[str] | None:
        found = [cloud.show(uuid)["status"] for uuid in uuids]
        return None if "BUILD" in found else found

    statuses = wait_for("the end of all builds", settled)
    active = {u for u, status in zip(uuids, statuses, strict=True) if status == "ACTIVE"}
    assert set(held(cloud)) == active
    assert active
    assert_nobody_shares(cloud)


def test_what_a_deleted_server_held_is_given_to_the_next(cloud: Cloud) -> None:
    first = cloud.build(flavorRef="own")
    host = first["OS-EXT-SRV-ATTR:host"]
    before = held(cloud)[first["id"]]
    cloud.delete(first["id"])
    cloud.wait_gone(first["id"])
    wait_for("the end of what it held", lambda: not held(cloud))
    second = cloud.wait_until(
        cloud.create(flavorRef="own", availability_zone=f"nova:{host}", token=ADMIN), "ACTIVE"
    )
    assert held(cloud)[second["id"]] == before
