"""``nova-manage audit`` beside a deployment of real processes, on MariaDB and RabbitMQ."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from tests.functional.processes import programs
from tests.functional.processes.plane import Plane
from tests.functional.processes.soundness import assert_sound, wait_until_settled


def audit(plane: Plane, *words: str) -> tuple[int, list[dict[str, Any]]]:
    """Its exit status and its findings."""
    config = str(plane.config_of("nova-api"))
    arguments = ["--config-file", config, "audit", "--grace", "0", "--json", *words]
    ran = subprocess.run(
        programs.console_script("nova-manage", *arguments),
        env=programs.environment(),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ran.stdout, ran.stderr
    return ran.returncode, json.loads(ran.stdout)["findings"]


def test_a_lost_allocation_is_found_and_claimed_again_by_the_cells_conductor(plane: Plane) -> None:
    plane.compute.create("audited", min_count=4, max_count=4)
    servers = wait_until_settled(plane.compute)
    assert audit(plane) == (0, [])
    lost = servers[0]["id"]
    assert plane.placement.ask("DELETE", f"/allocations/{lost}").status_code == 204
    status, [found] = audit(plane)
    assert (status, found["kind"], found["subject"]) == (1, "allocation-missing", lost)
    status, [found] = audit(plane, "--repair")
    assert (status, found["is_repaired"]) == (2, True)
    assert audit(plane, "--repair") == (0, [])
    assert [event["event"] for event in plane.compute.events(lost)] == [
        "conductor_correct_allocation",
        *(event["event"] for event in plane.compute.events(servers[1]["id"])),
    ]
    assert_sound(plane.compute, plane.placement, plane.state)
