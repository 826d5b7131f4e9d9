"""Server groups over two cells of ten hosts: many creates at once, each in a group."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.functional.embedded.plane import ADMIN, Cloud, held_spawns

MEMBERS = 20


@pytest.fixture(scope="module")
def _wide_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    cloud = Cloud(
        tmp_path_factory.mktemp("wide"),
        embedded={"hosts_per_cell": MEMBERS // 2},
        quota={"instances": -1, "cores": -1, "ram": -1, "server_group_members": -1},
    )
    try:
        cloud.make_flavor("tiny")
        yield cloud
    finally:
        cloud.stop()


@pytest.fixture
def cloud(_wide_cloud: Cloud) -> Iterator[Cloud]:
    """A plane with a host for each member; servers are gone and everything is given back afterwards."""
    yield _wide_cloud
    _wide_cloud.clear()
    _wide_cloud.assert_nothing_is_left()


def make_group(cloud: Cloud, policy: str, **rules: int) -> str:
    body = {"server_group": {"name": policy, "policy": policy, "rules": rules}}
    made = cloud.compute("POST", "/os-server-groups", body, status=200).json()
    return str(made["server_group"]["id"])


def boot(cloud: Cloud, group: str, **more: Any) -> str:
    body = cloud.body("member", **more) | {"os:scheduler_hints": {"group": group}}
    answer = cloud.client()("POST", "/servers", body, status=202)
    return str(answer.json()["server"]["id"])


def boot_at_once(cloud: Cloud, group: str, count: int) -> list[str]:
    with ThreadPoolExecutor(max_workers=count) as pool:
        return list(pool.map(lambda _number: boot(cloud, group), range(count)))


def hosts_of(cloud: Cloud, servers: list[str]) -> Counter[str]:
    return Counter(cloud.wait_until(uuid, "ACTIVE")["OS-EXT-SRV-ATTR:host"] for uuid in servers)


def test_twenty_members_at_once_share_no_host(cloud: Cloud) -> None:
    """Affinity and anti-affinity hold under concurrent boots over cells"""
    group = make_group(cloud, "anti-affinity")
    servers = boot_at_once(cloud, group, MEMBERS)
    hosts = hosts_of(cloud, servers)
    assert len(hosts) == MEMBERS, f"shared: {hosts}"
    assert {cloud.cell_of(uuid) for uuid in servers} == {"cell1", "cell2"}
    assert cloud.guests() == {uuid: cloud.show(uuid)["OS-EXT-SRV-ATTR:host"] for uuid in servers}
    shown = cloud.compute.get(f"/os-server-groups/{group}")["server_group"]
    assert sorted(shown["members"]) == sorted(servers)
    assert cloud.show(servers[0])["server_groups"] == [group]
    one_too_many = boot(cloud, group)
    fault = cloud.wait_until_error(one_too_many)["fault"]
    assert "ServerGroupAntiAffinityFilter removed 20" in fault["message"]


def test_members_of_one_request_and_of_others_keep_their_distance(cloud: Cloud) -> None:
    group = make_group(cloud, "anti-affinity", max_server_per_host=2)
    with held_spawns(cloud) as release, ThreadPoolExecutor(max_workers=4) as pool:
        sizes = dict.fromkeys(("min_count", "max_count"), 10)
        list(pool.map(lambda _number: boot(cloud, group, **sizes), range(4)))
        release.set()
    servers = cloud.listed("/servers?all_tenants=1", token=ADMIN)
    assert len(servers) == 2 * MEMBERS
    assert set(hosts_of(cloud, servers).values()) == {2}


def test_members_with_affinity_meet_on_one_host(cloud: Cloud) -> None:
    """Affinity and anti-affinity hold under concurrent boots over cells"""
    group = make_group(cloud, "affinity")
    servers = boot_at_once(cloud, group, 6)
    assert len(hosts_of(cloud, servers)) == 1
