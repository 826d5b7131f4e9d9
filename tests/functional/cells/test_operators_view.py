"""What operators see of services and hypervisors in several cells."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from groundwork.errors import Unavailable
from nova.cells.service_versions import ServiceVersions
from nova.db.api.models import host_mappings
from nova.db.cell.models import compute_nodes, instances, services
from nova.db.cell.services import COMPUTE
from tests.api.deployment import keys_of, sample
from tests.functional.cells.cloud import CellsCloud


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[CellsCloud]:
    deployment = CellsCloud(tmp_path)
    yield deployment
    deployment.close()


def test_service_ids_in_two_cells(cloud: CellsCloud) -> None:
    """GET /os-services spans cells; from 2.53 ids are UUIDs, before 2.53 an ambiguous integer id gives 400.

    Make service id 1 in both cells; DELETE id 1 at 2.52 gives 400, uuid at 2.53 gives 204.
    """
    first, _ = cloud.add_compute("cell1", "a")
    second, _ = cloud.add_compute("cell2", "b")
    assert (first.id, second.id) == (1, 1)
    old = cloud.ask("/os-services", version="2.52")["services"]
    assert [(row["id"], row["host"]) for row in old] == [(1, "a"), (1, "b")]
    new = cloud.ask("/os-services", version="2.53")["services"]
    assert [row["id"] for row in new] == [first.uuid, second.uuid]
    cloud.ask("/os-services/1", version="2.52", method="DELETE", status=400)
    cloud.ask(f"/os-services/{second.uuid}", version="2.53", method="DELETE", status=204)
    assert [row["host"] for row in cloud.ask("/os-services")["services"]] == ["a"]


def test_service_is_removed_in_four_places(cloud: CellsCloud) -> None:
    """DELETE /os-services/{uuid} removes service, compute nodes, host mapping and resource provider in the right cell.

    Refused while instances remain.
    """
    for name in cloud.names:
        cloud.furnish(name)
    doomed = {}
    for name in cloud.names:
        doomed[name], node = cloud.add_compute(name, f"empty-{name}")
        if name == "cell2":
            provider = node.uuid
    [busy] = cloud.rows(services, cell="cell2")[:1]
    path = f"/os-services/{busy.uuid}"
    cloud.ask(path, version="2.53", method="DELETE", status=409)

    path = f"/os-services/{doomed['cell2'].uuid}"
    cloud.ask(path, version="2.53", method="DELETE", status=204)
    assert [row.host for row in cloud.rows(services, cell="cell2")] == ["host-cell2"]
    assert [row.host for row in cloud.rows(compute_nodes, cell="cell2")] == ["host-cell2"]
    assert provider not in cloud.fake_placement.providers
    left = ["empty-cell1", "host-cell1", "host-cell2"]
    assert sorted(row.host for row in cloud.rows(host_mappings)) == left
    assert len(cloud.rows(services, cell="cell1")) == len(cloud.fake_placement.providers) - 1 == 2


@pytest.mark.parametrize("version", ["2.1", "2.53", "2.87"])
def test_statistics_equal_the_sums_of_the_cells(cloud: CellsCloud, version: str) -> None:
    """GET /os-hypervisors, /detail and /statistics aggregate all cells; 2.53 takes UUIDs, hypervisor_hostname_pattern
    and with_servers

    Two cells with overlapping integer ids; sums equal the per-cell sums. What 2.53 takes: see the next test.
    """
    for name, vcpus in (("cell1", 8), ("cell2", 3)):
        cloud.furnish(name)
        cloud.add_service(name, f"more-{name}")
        cloud.add_node(name, f"more-{name}", vcpus=vcpus, memory_mb=1000 * vcpus)
        cloud.add_server(name, host=f"more-{name}", node=f"more-{name}")
    detail = cloud.ask("/os-hypervisors/detail", version=version)["hypervisors"]
    assert len(cloud.ask("/os-hypervisors", version=version)["hypervisors"]) == len(detail) == 4
    statistics = cloud.ask("/os-hypervisors/statistics", version=version)["hypervisor_statistics"]
    assert statistics.pop("count") == 4
    assert statistics.pop("disk_available_least") is None
    assert statistics == {name: sum(row[name] for row in detail) for name in statistics}
    for name in cloud.names:
        own = [row for row in detail if row["service"]["host"].endswith(name)]
        assert sum(row["vcpus_used"] for row in own) == sum(
            row.vcpus for row in cloud.rows(instances, cell=name)
        )


def test_hypervisors_by_uuid_pattern_and_with_servers(cloud: CellsCloud) -> None:
    """GET /os-hypervisors, /detail and /statistics aggregate all cells; 2.53 takes UUIDs, hypervisor_hostname_pattern
    and with_servers
    """
    servers = {name: cloud.furnish(name) for name in cloud.names}
    rows = cloud.ask("/os-hypervisors?with_servers=true", version="2.53")["hypervisors"]
    assert [row["servers"][0]["uuid"] for row in rows] == [s.uuid for s in servers.values()]
    cloud.ask("/os-hypervisors/1", version="2.52", status=400)
    for name, row in zip(cloud.names, rows, strict=True):
        alone = cloud.ask(f"/os-hypervisors/{row['id']}?with_servers=1", version="2.53")
        assert alone["hypervisor"]["hypervisor_hostname"] == f"host-{name}"
        found = cloud.ask(f"/os-hypervisors?hypervisor_hostname_pattern={name}", version="2.53")[
            "hypervisors"
        ]
        assert [each["id"] for each in found] == [row["id"]]
        newest = cloud.ask(f"/os-hypervisors/{row['id']}", version="2.88")["hypervisor"]
        assert "vcpus" not in newest
        assert newest["uptime"].startswith(" 08:32:11 up")


def test_release_of_all_cells_is_that_of_the_oldest_compute(cloud: CellsCloud) -> None:
    """Minimum service version is computed over all cells, as each told last."""
    now_s = 0.0
    computes, conductors = (
        ServiceVersions(
            registry=cloud.registry, scatter=cloud.scatter, binary=binary, clock=lambda: now_s
        )
        for binary in (COMPUTE, "nova-conductor")
    )

    def minimum() -> int | None:
        nonlocal now_s
        now_s += 60
        return computes.minimum()

    assert minimum() is None
    cloud.add_service("cell1", "new", version=70)
    assert computes.minimum() is None
    assert minimum() == 70
    # Neither being down nor being disabled helps: it comes back as old as it was.
    old = cloud.add_service("cell2", "old", version=61, age_s=86400, disabled=True)
    cloud.add_service("cell2", "ctl", "nova-conductor", version=5)
    assert (minimum(), conductors.minimum()) == (61, 5)
    # Nor does the silence of its cell.
    cloud.silence("cell2")
    assert minimum() == 61
    cloud.ask(f"/os-services/{old.uuid}", version="2.53", method="DELETE", status=503)
    # Who never heard of that cell is not stopped by it.
    others = ServiceVersions(registry=cloud.registry, scatter=cloud.scatter)
    assert others.minimum() == 70


def test_release_of_all_cells_is_that_of_computes_that_are_there_still(cloud: CellsCloud) -> None:
    computes = ServiceVersions(registry=cloud.registry, scatter=cloud.scatter, fresh_s=0)
    cloud.add_service("cell1", "new", version=70)
    old = cloud.add_service("cell2", "old", version=61)
    assert computes.minimum() == 61
    cloud.ask(f"/os-services/{old.uuid}", version="2.53", method="DELETE", status=204)
    assert computes.minimum() == 70


def test_metadata_is_found_through_the_mapping(cloud: CellsCloud) -> None:
    """Metadata service finds the instance cell through the mapping: one cell stops, the other still works."""
    first, second = (cloud.furnish(name) for name in cloud.names)
    for server in (first, second):
        found = cloud.lookup.find(server.uuid)
        assert found is not None
        assert found.hostname == server.hostname
    cloud.silence("cell1")
    assert cloud.lookup.find(second.uuid) is not None
    with pytest.raises(Unavailable):
        cloud.lookup.find(first.uuid)


def test_partial_services_of_a_cell_that_is_down(cloud: CellsCloud) -> None:
    """2.69 down-cell bodies: partial services; stop a cell; golden bodies for os-services."""
    for host in ("host1", "host2"):
        cloud.add_service("cell1", host)
    cloud.add_service("cell2", "b")
    cloud.silence("cell1")
    golden = sample("os-services/v2.69/services-list-get-resp.json")
    whole, *partial = cloud.ask("/os-services", version="2.69")["services"]
    assert {"services": partial} == golden
    assert keys_of([whole]) == keys_of(
        sample("os-services/v2.53/services-list-get-resp.json")["services"][:1]
    )
    assert len(cloud.ask("/os-services", version="2.68")["services"]) == 1
