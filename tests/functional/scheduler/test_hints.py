"""Hints that name servers or facts of hosts, over two cells."""

from __future__ import annotations

from typing import Any

from tests.functional.embedded.plane import ADMIN, Cloud


def build_with(cloud: Cloud, **hints: Any) -> dict[str, Any]:
    body = cloud.body(flavorRef="one")
    body["os:scheduler_hints"] = hints
    answer = cloud.compute("POST", "/servers", body, status=202)
    return cloud.wait_until(answer.json()["server"]["id"], "ACTIVE")


def test_servers_of_both_cells_draw_and_repel(cloud: Cloud) -> None:
    hosts = sorted(cloud.drivers())
    there = {
        host: cloud.build(flavorRef="one", availability_zone=f"nova:{host}", token=ADMIN)["id"]
        for host in hosts
    }
    for host in (hosts[0], hosts[-1]):
        shown = build_with(cloud, same_host=[there[host]])
        assert shown["OS-EXT-SRV-ATTR:host"] == host
    others = [there[host] for host in hosts[:-1]]
    assert build_with(cloud, different_host=others)["OS-EXT-SRV-ATTR:host"] == hosts[-1]

    body = cloud.body(flavorRef="one")
    body["os:scheduler_hints"] = {"different_host": list(there.values())}
    uuid = cloud.compute("POST", "/servers", body, status=202).json()["server"]["id"]
    fault = cloud.wait_until_error(uuid)["fault"]["message"]
    assert "DifferentHostFilter removed 4" in fault
    # A dry run looks the named servers up, too.
    told = cloud.compute("POST", "/os-scheduler-dry-run", body, token=ADMIN, status=200).json()
    assert told["would_fit"] is False
    removed = {each["name"]: each["removed"] for each in told["constraints"]}
    assert removed["DifferentHostFilter"] == len(hosts)


def test_query_of_a_client_is_asked_of_each_host(cloud: Cloud) -> None:
    [*_, last] = sorted(cloud.drivers())
    shown = build_with(
        cloud, query=f'["and", ["=", "$host", "{last}"], [">=", "$free_ram_mb", 64]]'
    )
    assert shown["OS-EXT-SRV-ATTR:host"] == last
