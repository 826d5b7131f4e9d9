"""``/os-availability-zone`` over two cells and cell0."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nova.api.compute.availability_zones.operations import AvailabilityZones
from nova.db.cell import services
from tests.api.deployment import Deployment, keys_of, sample


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Deployment]:
    deployment = Deployment(tmp_path)
    deployment.serve(
        AvailabilityZones(
            registry=deployment.registry,
            scatter=deployment.scatter,
            api_database=deployment.api_database,
            zone_names=deployment.zone_names,
            service_down_time_s=60,
            clock=deployment.clock,
        )
    )
    yield deployment
    deployment.close()


def zones(cloud: Deployment, path: str = "", **more: Any) -> dict[str, Any]:
    answer = cloud.request(f"/os-availability-zone{path}", **more)
    assert answer.status_int == 200, answer.text
    return {zone["zoneName"]: zone for zone in answer.json["availabilityZoneInfo"]}


def test_zones_of_all_cells_are_listed_without_the_internal_one(cloud: Deployment) -> None:
    """Aggregates may hold hosts of any cell; availability zones and server group members are resolved over all cells"""
    cloud.add_service("cell0", "ctl", "nova-scheduler")
    cloud.add_service("cell1", "a")
    cloud.add_service("cell2", "b")
    cloud.add_zone("east", "a")
    cloud.add_zone("empty")
    found = zones(cloud, roles="reader")
    assert list(found) == ["east", "empty", "nova"]
    available = {name: zone["zoneState"]["available"] for name, zone in found.items()}
    assert available == {"east": True, "empty": False, "nova": True}
    assert {zone["hosts"] for zone in found.values()} == {None}


@pytest.mark.parametrize("state", ["disabled", "silent", "forced down"])
def test_zone_without_a_working_host_is_not_available(cloud: Deployment, state: str) -> None:
    service = cloud.add_service(
        "cell1", "a", age_s=61 if state == "silent" else 5, disabled=state == "disabled"
    )
    if state == "forced down":
        with cloud.databases["cell1"].write() as tx:
            services.force_down(tx, service.uuid, True)
    assert zones(cloud)["nova"]["zoneState"] == {"available": False}
    assert zones(cloud, "/detail")["nova"]["hosts"] is None
    cloud.add_service("cell2", "b")
    assert zones(cloud)["nova"]["zoneState"] == {"available": True}
    assert set(zones(cloud, "/detail")["nova"]["hosts"]) == {"a", "b"}


def test_detail_shows_hosts_and_the_internal_zone(cloud: Deployment) -> None:
    cloud.add_service("cell0", "ctl", "nova-scheduler")
    cloud.add_service("cell1", "ctl", "nova-conductor", disabled=True)
    cloud.add_service("cell1", "a")
    found = zones(cloud, "/detail")
    assert list(found) == ["internal", "nova"]
    services_of_ctl = found["internal"]["hosts"]["ctl"]
    assert services_of_ctl["nova-scheduler"]["active"] is True
    assert services_of_ctl["nova-conductor"]["active"] is False
    assert found["nova"]["hosts"]["a"]["nova-compute"] == {
        "available": True,
        "active": True,
        "updated_at": "2026-03-01T11:59:55.000000",
    }


def test_answers_look_as_documented(cloud: Deployment) -> None:
    cloud.add_service("cell0", "scheduler", "nova-scheduler")
    cloud.add_service("cell1", "conductor", "nova-conductor")
    cloud.add_service("cell1", "compute")
    for path, name in (("", "list"), ("/detail", "detail")):
        expected = sample(f"os-availability-zone/availability-zone-{name}-resp.json")
        answer = cloud.request(f"/os-availability-zone{path}").json
        assert keys_of(answer) == keys_of(expected)


def test_silent_cell_does_not_hinder_the_others(cloud: Deployment) -> None:
    cloud.add_service("cell1", "a")
    cloud.add_service("cell2", "b")
    cloud.add_zone("east", "a")
    cloud.silence("cell1")
    found = zones(cloud)
    assert found["east"]["zoneState"] == {"available": False}
    assert found["nova"]["zoneState"] == {"available": True}


def test_detail_is_for_admins(cloud: Deployment) -> None:
    assert cloud.request("/os-availability-zone/detail", roles="reader").status_int == 403
