"""Limits of servers on a host hold over separate requests, though servers are counted every few seconds only.

Two cells of two hosts, each of which may have two servers (at work).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.functional.embedded.plane import Cloud, held_spawns, wait_for


@contextmanager
def cloud_with(folder: Path, limit: str, *, filters: str) -> Iterator[Cloud]:
    made = Cloud(folder, filter_scheduler={"enabled_filters": f"ComputeFilter,{filters}", limit: 2})
    try:
        made.make_flavor("tiny")
        yield made
        made.clear()
        made.assert_nothing_is_left()
    finally:
        made.stop()


def is_decided(shown: dict[str, Any]) -> bool:
    """Whether the server has a host, or will have none."""
    return bool(shown["OS-EXT-SRV-ATTR:host"]) or shown["status"] == "ERROR"


def decide_one_after_the_other(cloud: Cloud, count: int) -> list[str]:
    """Servers of so many requests, each sent when the one before was decided."""
    uuids = []
    for number in range(count):
        uuids.append(cloud.create(f"number-{number}"))
        wait_for("the decision", lambda: is_decided(cloud.show(uuids[-1])))
    return uuids


def by_host(cloud: Cloud) -> Counter[str]:
    """How many servers each host has."""
    return Counter(row.host for row in cloud.living() if row.host)


@pytest.mark.parametrize("filters", ["NumInstancesFilter", "AggregateNumInstancesFilter"])
def test_no_host_gets_more_servers_than_it_may_have(tmp_path: Path, filters: str) -> None:
    with cloud_with(tmp_path, "max_instances_per_host", filters=filters) as cloud:
        uuids = decide_one_after_the_other(cloud, 16)
        assert list(by_host(cloud).values()) == [2, 2, 2, 2]
        shown = [cloud.show(uuid) for uuid in uuids]
        refused = [each for each in shown if each["status"] == "ERROR"]
        assert len(refused) == 8
        assert "NumInstancesFilter" in refused[-1]["fault"]["message"]
        # Where a server goes another one may come.
        gone = next(each for each in shown if each["status"] != "ERROR")
        cloud.wait_until(gone["id"], "ACTIVE")
        cloud.delete(gone["id"])
        cloud.wait_gone(gone["id"])
        assert_there_is_room(cloud)
        assert list(by_host(cloud).values()) == [2, 2, 2, 2]


def test_requests_at_once_leave_no_host_with_too_many_servers(tmp_path: Path) -> None:
    filters = "NumInstancesFilter"
    with cloud_with(tmp_path, "max_instances_per_host", filters=filters) as cloud:
        uuids = [cloud.create(f"number-{number}") for number in range(16)]
        wait_for("the decisions", lambda: all(is_decided(cloud.show(uuid)) for uuid in uuids))
        assert list(by_host(cloud).values()) == [2, 2, 2, 2]


@pytest.mark.parametrize("filters", ["IoOpsFilter", "AggregateIoOpsFilter"])
def test_no_host_has_more_at_work_than_it_may_have(tmp_path: Path, filters: str) -> None:
    with cloud_with(tmp_path, "max_io_ops_per_host", filters=filters) as cloud:
        with held_spawns(cloud):
            uuids = decide_one_after_the_other(cloud, 14)
            assert list(by_host(cloud).values()) == [2, 2, 2, 2]
            built = [uuid for uuid in uuids if cloud.show(uuid)["status"] != "ERROR"]
            assert len(built) == 8
        for uuid in built:
            cloud.wait_until(uuid, "ACTIVE")
        assert_there_is_room(cloud)


def assert_there_is_room(cloud: Cloud) -> None:
    """The next server finds a host, once counts tell so that were read since."""

    def is_placed() -> bool:
        uuid = cloud.create("next")
        wait_for("the decision", lambda: is_decided(cloud.show(uuid)))
        if cloud.show(uuid)["OS-EXT-SRV-ATTR:host"]:
            return True
        cloud.delete(uuid)
        return False

    wait_for("room for another server", is_placed)
