"""Calls that touch both cells of a running plane at once."""

from __future__ import annotations

from typing import Any

import pytest

from nova.virt.guest import PowerState
from tests.functional.embedded.plane import ADMIN, PROJECT, Cloud, wait_for

MISSING = "99999999-9999-4999-8999-999999999999"
VOLUME = "a26887c6-c47b-4654-abb5-dfadf7d3f803"


@pytest.fixture
def pair(cloud: Cloud) -> dict[str, str]:
    """A server in each cell: its uuid by its host."""
    hosts = {host.partition("-")[0]: host for host in sorted(cloud.drivers())}
    made = {
        host: cloud.create(cell, availability_zone=f"nova:{host}", token=ADMIN)
        for cell, host in hosts.items()
    }
    assert len(made) == 2
    for uuid in made.values():
        cloud.wait_until(uuid, "ACTIVE")
    return made


def guest_file(cloud: Cloud, host: str, uuid: str) -> Any:
    """What the hypervisor of the host keeps of a guest."""
    return cloud.drivers()[host]._files.read(uuid)


def test_events_reach_the_hosts_of_both_cells(cloud: Cloud, pair: dict[str, str]) -> None:
    """POST /os-server-external-events is split per cell; a mix of known and unknown servers gives 207.

    Send four events over two cells and one unknown uuid.
    """
    events = [
        {"server_uuid": uuid, "name": name, "tag": tag}
        for uuid in pair.values()
        for name, tag in (("volume-extended", VOLUME), ("power-update", "POWER_OFF"))
    ]
    events.append({"server_uuid": MISSING, "name": "network-changed"})
    answer = cloud.compute(
        "POST",
        "/os-server-external-events",
        {"events": events},
        version="2.76",
        token=ADMIN,
        status=207,
    )
    assert [event["code"] for event in answer.json()["events"]] == [200, 200, 200, 200, 404]
    for host, uuid in pair.items():
        wait_for(
            f"power off on {host}",
            lambda host=host, uuid=uuid: (
                guest_file(cloud, host, uuid).power_state is PowerState.SHUTDOWN
            ),
        )
        assert guest_file(cloud, host, uuid).extended_volumes == (VOLUME,)


def test_usage_of_both_cells_is_one_sum(cloud: Cloud, pair: dict[str, str]) -> None:
    """os-migrations, server migrations and os-simple-tenant-usage (paged from 2.40) span cells."""
    path = f"/os-simple-tenant-usage/{PROJECT}?start=2020-01-01T00:00:00"
    usage = cloud.compute.get(path, version="2.40", token=ADMIN)["tenant_usage"]
    # Servers of earlier tests are in it too, as they ran.
    mine = [row for row in usage["server_usages"] if row["instance_id"] in pair.values()]
    assert [row["state"] for row in mine] == ["active", "active"]
    assert usage["total_hours"] == pytest.approx(
        sum(row["hours"] for row in usage["server_usages"])
    )
    assert usage["total_memory_mb_usage"] == pytest.approx(
        sum(row["hours"] * row["memory_mb"] for row in usage["server_usages"])
    )
    page = cloud.compute.get(f"{path}&limit=1&marker={mine[0]['instance_id']}", token=ADMIN)
    assert page["tenant_usage"]["server_usages"][0]["instance_id"] == mine[1]["instance_id"]
    assert cloud.compute.get("/os-migrations", token=ADMIN) == {"migrations": []}
    for uuid in pair.values():
        found = cloud.compute.get(f"/servers/{uuid}/migrations", token=ADMIN)
        assert found == {"migrations": []}
