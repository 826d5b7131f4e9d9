"""Quotas of a running plane: what counts, also while no cell can be reached."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.functional.embedded.moving import moved, nowhere
from tests.functional.embedded.plane import ADMIN, PROJECT, Cloud, wait_for

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
    """Deletes free quota with no commit step, whether of a server or of a failed build."""
    limit(cloud, 2)
    failed = cloud.create("failed", flavorRef="huge")
    cloud.wait_until_error(failed)
    built = cloud.build("built")["id"]
    assert counted(cloud) == len(cloud.listed()) == 2
    cloud.compute.refused(403, "forbidden", "POST", "/servers", cloud.body())
    cloud.delete(failed)
    wait_for("the room of the failed build", lambda: counted(cloud) == 1)
    cloud.delete(built)
    assert counted(cloud) == 0
