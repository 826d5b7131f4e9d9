"""Quotas of a running plane: what counts, also while no cell can be reached."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from tests.functional.embedded.moving import moved, nowhere
from tests.functional.embedded.plane import ADMIN, PROJECT, Cloud, refuse_spawn, wait_for

CELLS = ("cell0", "cell1", "cell2")
SETS = f"/os-quota-sets/{PROJECT}"


@pytest.fixture(autouse=True)
def _limits(cloud: Cloud) -> Iterator[None]:
    """Whatever a test sets is taken back."""
    yield
    cloud.compute("DELETE", SETS, token=ADMIN, status=202)


def limit(cloud: Cloud, instances: int) -> None:
    body = {"quota_set": {"instances": instances}}
    cloud.compute("PUT", SETS, body, token=ADMIN, status=200)


def counted(cloud: Cloud) -> int:
    """Servers in use, of which both resources say the same."""
    detail = cloud.compute.get(f"{SETS}/detail", token=ADMIN)["quota_set"]
    absolute = cloud.compute.get("/limits")["limits"]["absolute"]
    assert detail["instances"]["reserved"] == 0
    assert absolute["totalInstancesUsed"] == detail["instances"]["in_use"]
    return int(detail["instances"]["in_use"])


def test_limit_holds_while_no_cell_can_be_reached(cloud: Cloud) -> None:
    """Quota works when a cell cannot be reached: never allows going over

    Stop a cell holding the project's servers; create beyond limit is refused.
    """
    uuids = [cloud.build(f"s{number}")["id"] for number in range(2)]
    limit(cloud, 3)
    with moved(cloud, nowhere(cloud, *CELLS)):
        statuses = {row["status"] for row in cloud.compute.get("/servers/detail")["servers"]}
        assert statuses == {"UNKNOWN"}
        assert counted(cloud) == 2
        text = cloud.compute.refused(
            403,
            "forbidden",
            "POST",
            "/servers",
            {"server": {**cloud.body()["server"], "min_count": 2}},
        )
        assert (
            text == "Quota exceeded for instances: Requested 2, but already used 2 of 3 instances"
        )
        limit(cloud, 2)
        cloud.compute.refused(403, "forbidden", "POST", "/servers", cloud.body())
        # Nor is a limit set below what the lost cells hold.
        body = {"quota_set": {"instances": 1}}
        cloud.compute.refused(400, "badRequest", "PUT", SETS, body, token=ADMIN)
    cloud.wait_until(uuids[0], "ACTIVE")
    cloud.delete(uuids[0])
    cloud.wait_until(cloud.create("next"), "ACTIVE")
    cloud.compute.refused(403, "forbidden", "POST", "/servers", cloud.body())


def test_what_is_counted_is_what_lives(cloud: Cloud) -> None:
    """Delete and failed build free quota with no commit step: usage after each equals the live count.

    A failed build is a server in ERROR, which counts until it is deleted, wherever it failed: buried in cell0, or in
    its cell.
    """
    limit(cloud, 3)
    failed = [cloud.create("nowhere", flavorRef="huge")]
    cloud.wait_until_error(failed[0])
    with pytest.MonkeyPatch.context() as patched:
        for driver in cloud.drivers().values():
            patched.setattr(driver, "spawn", refuse_spawn)
        failed.append(cloud.create("there"))
        cloud.wait_until_error(failed[1])
    assert [cloud.cell_of(uuid) == "cell0" for uuid in failed] == [True, False]
    built = cloud.build("built")["id"]
    assert counted(cloud) == len(cloud.listed()) == 3
    cloud.compute.refused(403, "forbidden", "POST", "/servers", cloud.body())
    for left, uuid in ((2, failed[0]), (1, failed[1])):
        cloud.delete(uuid)
        assert counted(cloud) == left
        cloud.wait_gone(uuid)
        assert counted(cloud) == len(cloud.listed()) == left
    cloud.delete(built)
    assert counted(cloud) == 0


def is_built(cloud: Cloud, uuid: str) -> bool:
    """Whether the build of a server is over, well or not."""
    return bool(cloud.compute.get(f"/servers/{uuid}")["server"]["status"] != "BUILD")


def test_usage_is_the_sum_of_the_servers_there_are(cloud: Cloud) -> None:
    """GET /os-quota-sets/{id}/detail shows in_use by counting and reserved 0; /limits agrees

    Compare to servers list sums for random workloads.
    """
    cloud.make_flavor("wide", vcpus=4, ram=256)
    choice = random.Random(3)
    there: list[str] = []
    for _ in range(24):
        if there and choice.random() < 0.4:
            gone = there.pop(choice.randrange(len(there)))
            # A server that is deleted on its way into a cell shows up there for a moment, and does not count any more.
            wait_for(f"the end of the build of {gone}", lambda gone=gone: is_built(cloud, gone))
            cloud.delete(gone)
            cloud.wait_gone(gone)
            wait_for(f"a list without {gone}", lambda gone=gone: gone not in cloud.listed())
        else:
            flavor = choice.choice(["tiny", "wide", "huge"])
            there.append(cloud.create(flavorRef=flavor))
        # While they are built, and when some have found no host: whatever is there counts.
        flavors = [row["flavor"] for row in cloud.compute.get("/servers/detail")["servers"]]
        sums = [len(flavors), *(sum(row[name] for row in flavors) for name in ("vcpus", "ram"))]
        detail = cloud.compute.get(f"{SETS}/detail", token=ADMIN)["quota_set"]
        for resource, used in zip(("instances", "cores", "ram"), sums, strict=True):
            assert (detail[resource]["in_use"], detail[resource]["reserved"]) == (used, 0)
        absolute = cloud.compute.get("/limits")["limits"]["absolute"]
        assert [absolute[f"total{name}Used"] for name in ("Instances", "Cores", "RAM")] == sums
    assert {row["status"] for row in cloud.compute.get("/servers/detail")["servers"]} >= {"ERROR"}
    cloud.compute("DELETE", "/flavors/wide", token=ADMIN, status=202)
