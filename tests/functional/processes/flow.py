"""The life of some servers, from the first request to the last trace."""

from __future__ import annotations

from tests.functional.processes.plane import CELLS, Plane
from tests.functional.processes.soundness import assert_sound, delete_all, wait_until_settled

_HOST = "OS-EXT-SRV-ATTR:host"


def run_flow(plane: Plane, *, count: int, page: int) -> None:
    """Create ``count`` servers, list them in pages, look at the claims, delete them."""
    compute = plane.compute
    uuids = [compute.create(f"flow-{number}") for number in range(count)]
    servers = wait_until_settled(compute, at_least=uuids)
    assert {server["status"] for server in servers} == {"ACTIVE"}
    hosts = {server[_HOST] for server in servers}
    assert all(hosts & set(of_cell) for of_cell in CELLS.values()), "a cell got no server"
    assert_sound(compute, plane.placement, plane.state)

    paged = [server["id"] for server in compute.servers(limit=page)]
    assert sorted(paged) == sorted(uuids)
    # The newest first, whichever cell they are in.
    assert paged == [server["id"] for server in compute.servers()]
    assert paged == [server["id"] for server in compute.servers(sort_key="created_at")]

    delete_all(compute)
    assert plane.placement.allocations() == {}
    assert_sound(compute, plane.placement, plane.state)
