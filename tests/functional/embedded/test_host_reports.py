"""What hosts report besides their size, and what the scheduler makes of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from nova.db.cell import models as cell_models
from tests.fakes.glance import TINY
from tests.functional.embedded.plane import ADMIN, Cloud, wait_for

# Equal hosts are taken by name: this one comes first while nothing speaks against it.
FIRST = "cell1-host1"


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    """A plane whose first host fails its first build: a step is tried three times before it is given up."""
    cloud = Cloud(
        tmp_path, default={"report_interval": 1}, fake_driver={"fail_steps": f"spawn@{FIRST}:3"}
    )
    try:
        cloud.make_flavor("tiny")
        yield cloud
        cloud.clear()
        cloud.assert_nothing_is_left()
    finally:
        cloud.stop()


def best_host(cloud: Cloud) -> str:
    """Where the next server would go."""
    wanted = {"server": {"imageRef": TINY, "flavorRef": "tiny", "networks": "none"}}
    answer = cloud.compute("POST", "/os-scheduler-dry-run", wanted, token=ADMIN, status=200).json()
    return str(answer["hosts"][0]["host"])


def failed_builds(cloud: Cloud) -> dict[str, int]:
    """The hosts that have failed builds, in all cells."""
    return {
        row.host: row.failed_builds
        for cell in cloud.cells
        for row in cloud.rows(cell.name, cell_models.compute_nodes)
        if row.failed_builds
    }


def test_a_host_that_failed_builds_is_avoided_and_comes_back_after_a_success(cloud: Cloud) -> None:
    assert best_host(cloud) == FIRST
    server = cloud.build("rescheduled")
    assert server["OS-EXT-SRV-ATTR:host"] == "cell1-host2"
    assert failed_builds(cloud) == {FIRST: 1}

    # More is free on it than on any other in the end, and still it is not taken.
    wait_for("the scheduler to see the failure", lambda: best_host(cloud) != FIRST)
    hosts = [cloud.build(f"elsewhere-{n}")["OS-EXT-SRV-ATTR:host"] for n in range(4)]
    assert FIRST not in hosts
    assert len(set(hosts)) == 3

    # Who asks for that very host gets it.
    forced = cloud.create("forced", availability_zone=f"nova:{FIRST}", token=ADMIN)
    assert cloud.wait_until(forced, "ACTIVE")["OS-EXT-SRV-ATTR:host"] == FIRST
    assert failed_builds(cloud) == {}
    cloud.clear()
    wait_for("the scheduler to see the success", lambda: best_host(cloud) == FIRST)
    assert cloud.build("trusted")["OS-EXT-SRV-ATTR:host"] == FIRST


def test_a_compute_that_starts_anew_is_given_another_chance(cloud: Cloud) -> None:
    assert cloud.build()["OS-EXT-SRV-ATTR:host"] == "cell1-host2"
    assert failed_builds(cloud) == {FIRST: 1}
    [agent] = [a for a in cloud.embedded._computes if a._identity.host == FIRST]
    agent._register()
    assert failed_builds(cloud) == {}
