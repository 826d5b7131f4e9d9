"""What hosts report besides their size, and what the scheduler makes of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from groundwork.errors import Unavailable
from nova.db.cell import models as cell_models
from nova.virt.driver import CpuTimes
from tests.fakes.glance import TINY
from tests.functional.embedded.plane import ADMIN, Cloud, wait_for

# Equal hosts are taken by name: this one comes first while nothing speaks against it.
FIRST = "cell1-host1"


@contextmanager
def running(folder: Path, **overrides: Mapping[str, Any]) -> Iterator[Cloud]:
    """A plane with these options, empty at the end."""
    cloud = Cloud(folder, **overrides)
    try:
        cloud.make_flavor("tiny")
        yield cloud
        cloud.clear()
        cloud.assert_nothing_is_left()
    finally:
        cloud.stop()


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    """A plane whose first host fails its first build: a step is tried three times before it is given up."""
    with running(tmp_path, fake_driver={"fail_steps": f"spawn@{FIRST}:3"}) as cloud:
        yield cloud


@pytest.fixture
def measured(tmp_path: Path) -> Iterator[Cloud]:
    """A plane that looks at nothing but the load of its hosts, and does so every second."""
    weights = dict.fromkeys((f"{name}_weight_multiplier" for name in ("ram", "cpu", "disk")), 0.0)
    with running(
        tmp_path,
        default={"compute_resources_interval": 1, "compute_monitors": "cpu.virt_driver"},
        filter_scheduler={"enabled_filters": "ComputeFilter,MetricsFilter", **weights},
        metrics={"weight_setting": "cpu.percent=-1.0"},
    ) as cloud:
        yield cloud


def dry_run(cloud: Cloud) -> dict[str, Any]:
    wanted = {"server": {"imageRef": TINY, "flavorRef": "tiny", "networks": "none"}}
    answer = cloud.compute("POST", "/os-scheduler-dry-run", wanted, token=ADMIN, status=200)
    return dict(answer.json())


def best_host(cloud: Cloud) -> str:
    """Where the next server would go."""
    return str(dry_run(cloud)["hosts"][0]["host"])


def metrics(cloud: Cloud) -> dict[str, dict[str, float]]:
    """What each host last reported, in all cells."""
    return {
        row.host: row.metrics or {}
        for cell in cloud.cells
        for row in cloud.rows(cell.name, cell_models.compute_nodes)
    }


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


def test_hosts_are_weighed_by_the_load_that_they_measure(measured: Cloud) -> None:
    for reported in metrics(measured).values():
        assert {"cpu.percent", "cpu.idle.time", "cpu.frequency"} <= reported.keys()
        assert reported["cpu.percent"] == 0.0
    assert best_host(measured) == FIRST
    server = measured.build()
    assert server["OS-EXT-SRV-ATTR:host"] == FIRST
    wait_for("load on the first host", lambda: metrics(measured)[FIRST]["cpu.percent"] > 0)
    wait_for("the scheduler to see the load", lambda: best_host(measured) != FIRST)
    measured.delete(server["id"])
    measured.wait_gone(server["id"])
    wait_for("the scheduler to see the quiet", lambda: best_host(measured) == FIRST)


def test_a_host_that_measures_nothing_is_filtered_where_metrics_are_required(
    measured: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(node: str) -> CpuTimes:
        raise Unavailable("The hypervisor does not answer.")

    monkeypatch.setattr(measured.drivers()[FIRST], "cpu_times", silent)
    wait_for("a report without metrics", lambda: not metrics(measured)[FIRST])
    wait_for("the scheduler to see it", lambda: best_host(measured) != FIRST)
    [removed] = [c for c in dry_run(measured)["constraints"] if c["name"] == "MetricsFilter"]
    assert removed["removed"] == 1
    assert measured.build()["OS-EXT-SRV-ATTR:host"] != FIRST
    monkeypatch.undo()
    wait_for("metrics again", lambda: metrics(measured)[FIRST])
