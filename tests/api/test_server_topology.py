"""``/servers/{id}/topology`` over two cells."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nova.api.compute.server_topology.operations import ServerTopology
from nova.cells.servers import Servers
from nova.db.cell import hardware_pins
from nova.db.cell.hardware_pins import Holder
from nova.domain.flavor import Flavor
from nova.domain.hardware import Hardware, HostCell, Pages
from nova.domain.numa_reading import numa_request_of
from nova.domain.server import Server
from tests.api.deployment import Deployment

MISSING = "99999999-9999-4999-8999-999999999999"
OTHER = "0123456789abcdef0123456789abcdef"
FLAVOR = Flavor("1", "f", vcpus=4, memory_mb=1024, root_gb=1)
OWN_CPUS = replace(
    FLAVOR,
    extra_specs={"hw:numa_nodes": "2", "hw:cpu_policy": "dedicated", "hw:mem_page_size": "small"},
)
MACHINE = Hardware(
    cells=tuple(
        HostCell(n, (), (4 * n, 4 * n + 1), (Pages(4, 1 << 20),), ((4 * n, 4 * n + 1),))
        for n in (0, 1)
    )
)


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Deployment]:
    deployment = Deployment(tmp_path)
    servers = Servers(
        api_database=deployment.api_database,
        registry=deployment.registry,
        targets=deployment.targets,
        scatter=deployment.scatter,
    )
    deployment.serve(ServerTopology(servers=servers, scatter=deployment.scatter))
    yield deployment
    deployment.close()


def add(cloud: Deployment, flavor: Flavor) -> Server:
    return cloud.add_server("cell2", flavor=flavor, host="h", node="h")


def add_pinned(cloud: Deployment) -> Server:
    server = add(cloud, OWN_CPUS)
    with cloud.databases["cell2"].write() as tx:
        request = numa_request_of(OWN_CPUS, {})
        hardware_pins.claim(tx, Holder(server.uuid, "h", "h"), MACHINE, request, ())
    return server


def topology(
    cloud: Deployment, uuid: str, *, status: int = 200, version: str = "2.78", **how: Any
) -> Any:
    answer = cloud.request(f"/servers/{uuid}/topology", version=version, **how)
    assert answer.status_int == status, answer.text
    return answer.json


def test_administrators_see_nodes_and_cpus_of_the_host(cloud: Deployment) -> None:
    assert topology(cloud, add_pinned(cloud).uuid) == {
        "nodes": [
            {
                "vcpu_set": [0, 1],
                "siblings": [[0, 1]],
                "memory_mb": 512,
                "host_node": 0,
                "cpu_pinning": {"0": 0, "1": 1},
            },
            {
                "vcpu_set": [2, 3],
                "siblings": [[2, 3]],
                "memory_mb": 512,
                "host_node": 1,
                "cpu_pinning": {"2": 4, "3": 5},
            },
        ],
        "pagesize_kb": 4,
    }


def test_others_see_what_the_guest_sees(cloud: Deployment) -> None:
    shown = topology(cloud, add_pinned(cloud).uuid, roles="reader", version="2.96")
    assert [sorted(node) for node in shown["nodes"]] == [["memory_mb", "siblings", "vcpu_set"]] * 2
    assert shown["pagesize_kb"] == 4


def test_a_server_without_such_wishes_has_no_nodes(cloud: Deployment) -> None:
    server = add(cloud, FLAVOR)
    assert topology(cloud, server.uuid) == {"nodes": [], "pagesize_kb": None}
    nonsense = add(cloud, replace(FLAVOR, extra_specs={"hw:numa_nodes": "x"}))
    assert topology(cloud, nonsense.uuid) == {"nodes": [], "pagesize_kb": None}


def test_a_server_that_lies_nowhere_yet_shows_what_it_asks_for(cloud: Deployment) -> None:
    flavor = replace(FLAVOR, extra_specs={"hw:numa_nodes": "1", "hw:mem_page_size": "2MB"})
    server = cloud.add_server("cell1", flavor=flavor)
    assert topology(cloud, server.uuid) == {
        "nodes": [{"vcpu_set": [0, 1, 2, 3], "siblings": [], "memory_mb": 1024}],
        "pagesize_kb": 2048,
    }


def test_who_may_not_see_it_and_when_nobody_can(cloud: Deployment) -> None:
    server = add_pinned(cloud)
    topology(cloud, MISSING, status=404)
    topology(cloud, server.uuid, status=404, version="2.77")
    topology(cloud, server.uuid, status=404, roles="member,reader", project=OTHER)
    topology(cloud, server.uuid, status=403, roles="nothing")
    answer = cloud.request(f"/servers/{server.uuid}/topology?x=1", version="2.78")
    assert answer.status_int == 400
    cloud.silence("cell2")
    topology(cloud, server.uuid, status=503)
