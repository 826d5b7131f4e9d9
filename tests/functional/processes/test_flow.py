"""Servers come and go over every process of a deployment with two cells."""

from __future__ import annotations

from tests.functional.processes.flow import run_flow
from tests.functional.processes.plane import Plane
from tests.functional.processes.soundness import assert_sound, wait_until_settled


def test_servers_are_built_listed_and_deleted(plane: Plane) -> None:
    run_flow(plane, count=20, page=5)


def test_one_request_for_many_servers(plane: Plane) -> None:
    plane.compute.create("many", min_count=6, max_count=6)
    servers = wait_until_settled(plane.compute)
    assert [server["status"] for server in servers] == ["ACTIVE"] * 6
    assert_sound(plane.compute, plane.placement, plane.state)


def test_server_that_fits_nowhere_ends_in_cell0_with_counted_reasons(plane: Plane) -> None:
    plane.compute.make_flavor("huge", vcpus=1000)
    uuid = plane.compute.create("huge", flavor="huge")
    (server,) = wait_until_settled(plane.compute, at_least=[uuid])
    assert server["status"] == "ERROR"
    message = server["fault"]["message"]
    assert message.startswith("No valid host was found. Of 3 hosts: VCPU (1000 asked) removed 3;")
    query = f"SELECT count(*) FROM instances WHERE uuid = '{uuid}'"
    assert plane.databases.scalar("cell0", query) == 1
    assert_sound(plane.compute, plane.placement, plane.state)


def test_server_that_no_host_is_able_to_run_tells_which_filter_removed_them(plane: Plane) -> None:
    plane.compute.make_flavor("other", extra_specs={"capabilities:hypervisor_type": "QEMU"})
    uuid = plane.compute.create("other", flavor="other")
    (server,) = wait_until_settled(plane.compute, at_least=[uuid])
    assert server["status"] == "ERROR"
    assert "Of 3 hosts: ComputeCapabilitiesFilter removed 3;" in server["fault"]["message"]
    assert_sound(plane.compute, plane.placement, plane.state)
