"""The plane in one process, on SQLite, killed while it builds."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import missing
from tests.functional.processes.embedded import Embedded
from tests.functional.processes.guests import complete_guests
from tests.functional.processes.soundness import assert_sound, delete_all, wait_until_settled
from tests.functional.processes.waiting import wait_for

_COUNT = 20


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[Embedded]:
    """``nova-all`` with two cells, whose hosts take a second to build a server."""
    if not importlib.metadata.entry_points(group="oslo.messaging.drivers", name="local"):
        missing("the project is not installed, so there is no local:// driver")
    embedded = Embedded(tmp_path, spawn_delay_s=1)
    try:
        embedded.start()
        yield embedded
    finally:
        embedded.remove()


def test_all_servers_are_built_though_the_process_is_killed_and_restarted(
    embedded: Embedded,
) -> None:
    embedded.compute.make_flavor("tiny")
    promised = [embedded.compute.create(f"embedded-{number}") for number in range(_COUNT)]
    wait_for("the first guests", lambda: complete_guests(embedded.state), timeout_s=30)
    embedded.nova.kill()
    built = complete_guests(embedded.state)
    assert 0 < len(built) < _COUNT, "killed too early or too late to prove anything"

    embedded.nova.start()
    embedded.wait_until_answers()
    servers = wait_until_settled(embedded.compute, at_least=promised)
    assert [server["status"] for server in servers] == ["ACTIVE"] * _COUNT
    assert_sound(embedded.compute, embedded.placement, embedded.state)
    hosts = {server["id"]: server["OS-EXT-SRV-ATTR:host"] for server in servers}
    assert built.items() <= hosts.items(), "a guest that was complete has moved"

    delete_all(embedded.compute)
    assert embedded.placement.allocations() == {}
