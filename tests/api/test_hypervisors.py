"""``/os-hypervisors`` over two cells."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import sqlalchemy as sa

from nova.api.compute.hypervisors.operations import Hypervisors
from nova.db.api.models import host_mappings
from tests.api.deployment import Deployment, keys_of, sample

MISSING = "99999999-9999-4999-8999-999999999999"


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Deployment]:
    deployment = Deployment(tmp_path)
    deployment.serve(
        Hypervisors(
            api_database=deployment.api_database,
            registry=deployment.registry,
            scatter=deployment.scatter,
            paging=deployment.paging,
            links=deployment.links,
            service_down_time_s=60,
            instance_name_template="instance-%08x",
            clock=deployment.clock,
        )
    )
    yield deployment
    deployment.close()


def ask(cloud: Deployment, path: str = "", version: str = "2.53", status: int = 200) -> Any:
    answer = cloud.request(f"/os-hypervisors{path}", version=version)
    assert answer.status_int == status, answer.text
    return answer.json


def names(cloud: Deployment, path: str = "", version: str = "2.53") -> list[str]:
    return [h["hypervisor_hostname"] for h in ask(cloud, path, version)["hypervisors"]]


def numa_like_cpu_info() -> dict[str, Any]:
    return {
        "arch": "x86_64",
        "model": "Nehalem",
        "vendor": "Intel",
        "features": ["pge", "clflush"],
        "topology": {"cores": 1, "threads": 1, "sockets": 4},
    }


@pytest.fixture
def documented(cloud: Deployment) -> dict[str, str]:
    """One node with two servers, as in the samples; what paths need to name it."""
    cloud.add_service("cell1", "host1")
    node = cloud.add_node("cell1", "host1", "fake-mini", cpu_info=numa_like_cpu_info())
    for _ in range(2):
        cloud.add_server("cell1", host="host1", node="fake-mini")
    return {"id": str(node.id), "uuid": node.uuid}


SAMPLES = [
    ("2.1", "", "list", ""),
    ("2.1", "", "detail", "/detail"),
    ("2.1", "", "show", "/{id}"),
    ("2.1", "", "uptime", "/{id}/uptime"),
    ("2.1", "", "search", "/fake/search"),
    ("2.1", "", "with-servers", "/fake/servers"),
    ("2.1", "", "statistics", "/statistics"),
    ("2.28", "v2.28/", "list", ""),
    ("2.28", "v2.28/", "detail", "/detail"),
    ("2.28", "v2.28/", "show", "/{id}"),
    ("2.28", "v2.28/", "uptime", "/{id}/uptime"),
    ("2.28", "v2.28/", "search", "/fake/search"),
    ("2.28", "v2.28/", "with-servers", "/fake/servers"),
    ("2.28", "v2.28/", "statistics", "/statistics"),
    ("2.33", "v2.33/", "list", "?limit=1"),
    ("2.33", "v2.33/", "detail", "/detail?limit=1"),
    ("2.53", "v2.53/", "list", "?limit=1"),
    ("2.53", "v2.53/", "detail", "/detail?limit=1"),
    ("2.53", "v2.53/", "show", "/{uuid}"),
    ("2.53", "v2.53/", "uptime", "/{uuid}/uptime"),
    ("2.53", "v2.53/", "search", "?hypervisor_hostname_pattern=fake"),
    ("2.53", "v2.53/", "statistics", "/statistics"),
    ("2.53", "v2.53/", "with-servers", "?hypervisor_hostname_pattern=fake&with_servers=true"),
    ("2.53", "v2.53/", "without-servers", "?hypervisor_hostname_pattern=fake"),
    ("2.53", "v2.53/", "show-with-servers", "/{uuid}?with_servers=1"),
    (
        "2.53",
        "v2.53/",
        "detail-with-servers",
        "/detail?hypervisor_hostname_pattern=fake&with_servers=1",
    ),
    ("2.88", "v2.88/", "list", "?limit=1"),
    ("2.88", "v2.88/", "detail", "/detail?limit=1"),
    ("2.88", "v2.88/", "show", "/{uuid}"),
    ("2.88", "v2.88/", "search", "?hypervisor_hostname_pattern=fake"),
    ("2.88", "v2.88/", "with-servers", "?hypervisor_hostname_pattern=fake&with_servers=true"),
    ("2.88", "v2.88/", "show-with-servers", "/{uuid}?with_servers=1"),
    (
        "2.88",
        "v2.88/",
        "detail-with-servers",
        "/detail?hypervisor_hostname_pattern=fake&with_servers=1",
    ),
]


@pytest.mark.parametrize(("version", "folder", "name", "path"), SAMPLES)
def test_answers_look_as_documented(
    cloud: Deployment,
    documented: dict[str, str],
    version: str,
    folder: str,
    name: str,
    path: str,
) -> None:
    expected = sample(f"os-hypervisors/{folder}hypervisors-{name}-resp.json")
    assert keys_of(ask(cloud, path.format(**documented), version)) == keys_of(expected)


def test_usage_is_that_of_the_servers_of_each_node(cloud: Deployment) -> None:
    cloud.add_compute("cell1", "a")
    cloud.add_compute("cell2", "b")
    cloud.add_server("cell1", host="a", node="a")
    cloud.add_server("cell1", host="a", node="a", image_ref="", task_state="rebooting")
    cloud.add_server("cell1", host="a", node="a", deleted=9)
    found = {h["hypervisor_hostname"]: h for h in ask(cloud, "/detail", "2.87")["hypervisors"]}
    busy, idle = found["a"], found["b"]
    assert (busy["vcpus_used"], busy["memory_mb_used"], busy["free_ram_mb"]) == (4, 1024, 7168)
    # The second one boots from a volume: of its disk only the ephemeral part is local.
    assert (busy["local_gb_used"], busy["free_disk_gb"]) == (20, 980)
    assert (busy["running_vms"], busy["current_workload"]) == (2, 1)
    assert (idle["vcpus_used"], idle["running_vms"], idle["free_ram_mb"]) == (0, 0, 8192)


def test_statistics_are_sums_over_cells(cloud: Deployment) -> None:
    cloud.add_compute("cell1", "a")
    cloud.add_compute("cell2", "b")
    cloud.add_compute("cell2", "c")
    cloud.add_server("cell1", host="a", node="a")
    cloud.add_server("cell2", host="b", node="b")
    found = ask(cloud, "/statistics", "2.87")["hypervisor_statistics"]
    assert (found["count"], found["vcpus"], found["vcpus_used"]) == (3, 24, 4)
    assert (found["memory_mb"], found["memory_mb_used"], found["free_ram_mb"]) == (
        3 * 8192,
        1024,
        3 * 8192 - 1024,
    )
    assert found["running_vms"] == 2
    ask(cloud, "/statistics", "2.88", status=404)


def test_state_and_status_are_those_of_the_service(cloud: Deployment) -> None:
    cloud.add_compute("cell1", "a")
    cloud.add_compute("cell1", "b", age_s=61)
    cloud.add_compute("cell1", "c", disabled=True)
    cloud.add_node("cell1", "orphan")
    found = {h["hypervisor_hostname"]: h for h in ask(cloud)["hypervisors"]}
    assert sorted(found) == ["a", "b", "c"], "nodes without a service are not shown"
    assert [found[n]["state"] for n in "abc"] == ["up", "down", "up"]
    assert [found[n]["status"] for n in "abc"] == ["enabled", "enabled", "disabled"]


@pytest.mark.parametrize("version", ["2.33", "2.52", "2.53", "2.103"])
@pytest.mark.parametrize("limit", [1, 2, 3, 5])
def test_pages_hold_every_node_once(cloud: Deployment, version: str, limit: int) -> None:
    for host in ("a", "c", "e"):
        cloud.add_compute("cell1", host)
    for host in ("b", "d"):
        cloud.add_compute("cell2", host)
    path, seen = f"?limit={limit}", []
    while path:
        answer = ask(cloud, path, version)
        seen += [h["hypervisor_hostname"] for h in answer["hypervisors"]]
        links = answer.get("hypervisors_links")
        href = urlsplit(links[0]["href"]) if links else None
        assert href is None or href.path == "/v2.1/os-hypervisors"
        path = f"?{href.query}" if href else ""
        assert not path or parse_qs(href.query)["limit"] == [str(limit)]
    assert seen == ["a", "b", "c", "d", "e"]


def test_everything_is_listed_before_pages_existed(cloud: Deployment) -> None:
    cloud.add_compute("cell1", "a")
    cloud.add_compute("cell2", "b")
    assert names(cloud, "?limit=1", "2.32") == ["a", "b"]
    assert names(cloud, "?limit=0", "2.33") == []


@pytest.mark.parametrize(
    ("path", "version", "status"),
    [
        ("?marker=77", "2.33", 400),
        ("?marker=x", "2.33", 400),
        ("?marker=77", "2.53", 400),
        (f"?marker={MISSING}", "2.53", 400),
        ("?limit=x", "2.33", 400),
        ("?limit=-1", "2.53", 400),
        ("?odd=1", "2.52", 200),
        ("?odd=1", "2.53", 400),
        ("?with_servers=maybe", "2.53", 400),
        ("?hypervisor_hostname_pattern=nothing", "2.53", 404),
        ("?hypervisor_hostname_pattern=a&limit=1", "2.53", 400),
        ("?hypervisor_hostname_pattern=a%20b", "2.53", 400),
        ("/nothing/search", "2.52", 404),
        ("/nothing/servers", "2.52", 404),
        ("/a/search", "2.53", 404),
        ("/a/servers", "2.53", 404),
        ("/77", "2.52", 404),
        ("/x", "2.52", 404),
        ("/77", "2.53", 400),
        (f"/{MISSING}", "2.53", 404),
        (f"/{MISSING}/uptime", "2.88", 404),
        ("/1?odd=1", "2.53", 400),
    ],
)
def test_bad_question_is_refused(cloud: Deployment, path: str, version: str, status: int) -> None:
    cloud.add_compute("cell1", "a")
    ask(cloud, path, version, status)


def test_number_that_two_cells_know_is_refused(cloud: Deployment) -> None:
    _, first = cloud.add_compute("cell1", "a")
    _, second = cloud.add_compute("cell2", "b")
    assert first.id == second.id
    ask(cloud, f"/{first.id}", "2.52", status=400)
    assert ask(cloud, f"/{second.uuid}")["hypervisor"]["hypervisor_hostname"] == "b"


def test_pattern_is_a_part_of_the_name(cloud: Deployment) -> None:
    for host in ("rack1-a", "rack1_b", "Rack1-c", "rack2-d"):
        cloud.add_compute("cell1", host)
    assert names(cloud, "?hypervisor_hostname_pattern=rack1-") == ["rack1-a", "Rack1-c"]
    assert names(cloud, "?hypervisor_hostname_pattern=1_b") == ["rack1_b"]
    assert names(cloud, "/rack2/search", "2.52") == ["rack2-d"]


def test_servers_are_named_as_on_the_hypervisor(cloud: Deployment) -> None:
    _, node = cloud.add_compute("cell1", "a")
    server = cloud.add_server("cell1", host="a", node="a")
    found = ask(cloud, f"/{node.uuid}?with_servers=true")["hypervisor"]
    assert found["servers"] == [{"name": "instance-00000001", "uuid": server.uuid}]


def test_empty_servers_are_shown_since_2_75(cloud: Deployment) -> None:
    cloud.add_compute("cell1", "a")
    assert "servers" not in ask(cloud, "?with_servers=1", "2.74")["hypervisors"][0]
    assert ask(cloud, "?with_servers=1", "2.75")["hypervisors"][0]["servers"] == []
    assert "servers" not in ask(cloud, "", "2.75")["hypervisors"][0]
    assert "servers" not in ask(cloud, "/a/servers", "2.52")["hypervisors"][0]


def test_uptime_needs_a_living_host_that_tells_it(cloud: Deployment) -> None:
    _, up = cloud.add_compute("cell1", "a")
    _, down = cloud.add_compute("cell1", "b", age_s=61)
    cloud.add_service("cell1", "c")
    mute = cloud.add_node("cell1", "c", uptime=None)
    assert ask(cloud, f"/{up.uuid}/uptime", "2.87")["hypervisor"]["uptime"] == up.uptime
    ask(cloud, f"/{down.uuid}/uptime", "2.87", status=400)
    ask(cloud, f"/{mute.uuid}/uptime", "2.87", status=501)
    assert ask(cloud, f"/{up.uuid}", "2.88")["hypervisor"]["uptime"] == up.uptime
    assert ask(cloud, f"/{down.uuid}", "2.88")["hypervisor"]["uptime"] is None


def test_silent_cell_is_left_out_of_lists_and_told_on_show(cloud: Deployment) -> None:
    _, node = cloud.add_compute("cell1", "a")
    cloud.add_compute("cell2", "b")
    cloud.silence("cell1")
    assert names(cloud) == ["b"]
    assert ask(cloud, "/statistics", "2.87")["hypervisor_statistics"]["count"] == 1
    ask(cloud, f"/{node.uuid}", status=503)


@pytest.mark.parametrize(
    ("path", "version"),
    [
        ("", "2.53"),
        ("/detail", "2.53"),
        ("/statistics", "2.1"),
        ("/1", "2.1"),
        ("/1/uptime", "2.1"),
        ("/a/search", "2.1"),
        ("/a/servers", "2.1"),
    ],
)
def test_hypervisors_are_for_admins(cloud: Deployment, path: str, version: str) -> None:
    answer = cloud.request(f"/os-hypervisors{path}", version=version, roles="member,reader")
    assert answer.status_int == 403


@pytest.mark.parametrize(("version", "folder"), [("2.1", ""), ("2.28", "v2.28/")])
def test_empty_hypervisor_looks_as_documented(cloud: Deployment, version: str, folder: str) -> None:
    cloud.add_compute("cell1", "fake-mini")
    expected = sample(f"os-hypervisors/{folder}hypervisors-without-servers-resp.json")
    assert keys_of(ask(cloud, "/fake/servers", version)) == keys_of(expected)


def test_hosts_in_no_cell_yet_are_left_out_of_every_page(cloud: Deployment) -> None:
    """A host counts from its discovery on; so do nodes that a host of a cell reports later (bare metal)."""
    for number in range(1, 5):
        cloud.add_compute("cell1", f"host{number}")
    late = cloud.add_node("cell1", "host1", "late")
    with cloud.api_database.write() as tx:
        gone = tx.execute(sa.delete(host_mappings).where(host_mappings.c.host.in_(["host2"])))
        assert gone.rowcount == 1
    shown = ["host1", "host3", "host4", "late"]
    assert names(cloud) == names(cloud, version="2.1") == shown
    read: list[str] = []
    path = "?limit=1"
    while page := ask(cloud, path)["hypervisors"]:
        read += [node["hypervisor_hostname"] for node in page]
        path = f"?limit=1&marker={page[0]['id']}"
    assert read == shown
    assert names(cloud, "?hypervisor_hostname_pattern=host") == shown[:3]
    assert ask(cloud, f"/{late.uuid}")["hypervisor"]["hypervisor_hostname"] == "late"
    assert ask(cloud, "/statistics")["hypervisor_statistics"]["count"] == 4
    ask(cloud, "/2", version="2.52", status=404)
    ask(cloud, "/3", version="2.52")
