"""What holds whenever nothing is under way: servers, claims and guests are the same set."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from tests.functional.processes.guests import complete_guests, unfinished_guests
from tests.functional.processes.rest import Compute, Placement
from tests.functional.processes.waiting import wait_for

_HOST = "OS-EXT-SRV-ATTR:host"


def wait_until_settled(
    compute: Compute, *, at_least: Collection[str] = (), timeout_s: float = 90
) -> list[dict[str, Any]]:
    """The servers, once none is being built or deleted and all that were promised are there."""
    seen: list[dict[str, Any]] = []

    def look() -> bool:
        seen[:] = compute.servers()
        busy = [one for one in seen if one["OS-EXT-STS:task_state"] or one["status"] == "BUILD"]
        return not busy and {one["id"] for one in seen} >= set(at_least)

    try:
        wait_for("every server to settle", look, timeout_s=timeout_s)
    except AssertionError as late:
        states = [
            (one["id"], one["status"], one["OS-EXT-STS:task_state"], one[_HOST]) for one in seen
        ]
        raise AssertionError(f"{late}: {states}") from None
    return seen


def delete_all(compute: Compute, *, timeout_s: float = 60) -> None:
    """Delete every server, and see them gone."""
    for server in compute.servers():
        compute.delete(server["id"])
    wait_for("every server to be gone", lambda: not compute.servers(), timeout_s=timeout_s)


def assert_sound(compute: Compute, placement: Placement, state: Path) -> None:
    """Every server is ACTIVE, or in ERROR with a fault; each ACTIVE one holds one claim and one guest, others none.

    Guests may be there too long by one audit of their host, so these are waited for; claims are not.
    """
    servers = compute.servers()
    placed = {}
    for server in servers:
        if server["status"] == "ACTIVE":
            placed[server["id"]] = server[_HOST]
        else:
            assert server["status"] == "ERROR", server
            assert server["fault"]["message"], server
            assert server[_HOST] is None, server
    assert placement.allocations() == placed
    assert sum(placement.used_vcpus().values()) == len(placed)
    wait_for(
        "guests to be those of the servers",
        lambda: complete_guests(state) == placed and not unfinished_guests(state),
        timeout_s=20,
    )
