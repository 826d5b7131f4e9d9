"""Any daemon may die at any moment: no server is lost, none is stuck, no claim is left behind."""

from __future__ import annotations

import os
import signal

import pytest

from tests.functional.processes.creating import Creation
from tests.functional.processes.plane import Plane
from tests.functional.processes.soundness import assert_sound, wait_until_settled
from tests.functional.processes.waiting import wait_for

_COUNT = 20
_HOST = "OS-EXT-SRV-ATTR:host"


@pytest.mark.parametrize(
    "victim", ["super-conductor", "nova-scheduler", "cell1-conductor", "cell1-host1"]
)
def test_servers_are_built_though_a_daemon_is_killed_and_restarted(
    plane: Plane, victim: str
) -> None:
    process = plane.processes[victim]
    with Creation(plane.compute, prefix=victim, count=_COUNT) as creation:
        wait_for("the first promises", lambda: len(creation.promised) >= 4, timeout_s=30)
        process.kill()
        creation.wait()
    assert len(creation.promised) == _COUNT
    unfinished = [one for one in plane.compute.servers() if one["status"] == "BUILD"]
    assert unfinished, f"{victim} had nothing to do any more when it was killed"

    process.start()
    servers = wait_until_settled(plane.compute, at_least=creation.promised)
    assert len(servers) == _COUNT
    assert [server["status"] for server in servers] == ["ACTIVE"] * _COUNT
    assert_sound(plane.compute, plane.placement, plane.state)


def test_no_promise_is_broken_when_a_worker_of_the_api_is_killed(plane: Plane) -> None:
    """The master of uWSGI starts another one. A request that the worker had may have been taken or not."""
    with Creation(plane.compute, prefix="api", count=_COUNT) as creation:
        wait_for("the first promises", lambda: len(creation.promised) >= 2, timeout_s=30)
        for worker in plane.processes["nova-api"].children():
            os.kill(worker, signal.SIGKILL)
        creation.wait()
    plane.wait_until_answers("nova-api")
    servers = wait_until_settled(plane.compute, at_least=creation.promised)
    assert len(creation.promised) + len(creation.broken) == _COUNT
    assert len(creation.promised) <= len(servers) <= _COUNT
    assert {server["status"] for server in servers} == {"ACTIVE"}
    assert_sound(plane.compute, plane.placement, plane.state)


def test_builds_go_to_another_host_of_the_cell_when_theirs_stays_dead(plane: Plane) -> None:
    process = plane.processes["cell1-host1"]
    with Creation(plane.compute, prefix="dead", count=_COUNT) as creation:
        wait_for("the first promises", lambda: len(creation.promised) >= 4, timeout_s=30)
        process.kill()
        creation.wait()
    servers = wait_until_settled(plane.compute, at_least=creation.promised)
    assert [server["status"] for server in servers] == ["ACTIVE"] * _COUNT
    # What the host had built by then stays there; half-made guests go when it is back.
    process.start()
    assert_sound(plane.compute, plane.placement, plane.state)
