"""Servers with volumes: every step fails, runs twice or kills its worker, and no volume is ever lost or shared."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from nova.domain.block_device import BlockDevice
from nova.domain.server import Server
from nova.lifecycle.create import CREATE
from nova.lifecycle.delete import DELETE
from tests.harness import readings
from tests.harness.sabotage import Mode, Sabotage
from tests.harness.soundness import assert_sound
from tests.harness.world import World

FAILURES = (Mode.FAIL_BEFORE, Mode.FAIL_AFTER)
HARMLESS = (Mode.TWICE, Mode.KILL_BEFORE, Mode.KILL_AFTER)
# Steps about hardware and moves are in test_hardware.py and test_resize.py.
CREATE_STEPS = [
    step.name
    for step in CREATE.steps
    if step.name not in ("accept", "occupy_host", "claim_hardware")
]
DELETE_STEPS = [step.name for step in DELETE.steps if step.name != "destroy_other"]
AT_HOST = ("connect_volumes", "spawn", "complete_volumes")


@pytest.fixture
def sabotage() -> Sabotage:
    return Sabotage()


@pytest.fixture
def world(tmp_path: Path, sabotage: Sabotage) -> World:
    return World(tmp_path, sabotage)


def create(world: World) -> tuple[Server, dict[str, str]]:
    """A server with a disk on its host and two volumes: ``goes`` with it, ``stays``."""
    ids = {"goes": world.cinder.add_volume(), "stays": world.cinder.add_volume()}
    local = BlockDevice(str(uuid.uuid4()), "image", "local", boot_index=0, device_name="/dev/vda")
    goes, stays = (
        BlockDevice(
            str(uuid.uuid4()),
            "volume",
            "volume",
            volume_id=ids[name],
            device_name=f"/dev/vd{letter}",
            delete_on_termination=name == "goes",
        )
        for name, letter in (("goes", "b"), ("stays", "c"))
    )
    [server] = world.create(devices=(local, goes, stays))
    return server, ids


def statuses(world: World, ids: dict[str, str]) -> dict[str, str | None]:
    """By name; None for a volume that is gone."""
    return {name: world.cinder.volumes.get(id_, {}).get("status") for name, id_ in ids.items()}


IN_USE = {"goes": "in-use", "stays": "in-use"}
FREE = {"goes": "available", "stays": "available"}
AFTER_DELETE = {"goes": None, "stays": "available"}


def is_active_on(world: World, server: Server) -> str | None:
    """The server's host; its guest and its records know the attachments that Cinder has."""
    located = world.find(server)
    assert located is not None
    assert located.server.vm_state == "active"
    recorded = {device.attachment_id for device in located.server.volumes}
    assert recorded == set(world.cinder.attachments)
    host = located.server.host
    assert host is not None
    guest = world.hosts[host][1].found[server.uuid]
    reached = [disk.connection_info for disk in guest.disks if disk.volume_id]
    assert reached == [{"driver_volume_type": "fake", "data": {"host": host}}] * 2
    assert [disk.device_name for disk in guest.disks] == ["/dev/vda", "/dev/vdb", "/dev/vdc"]
    return host


def test_volumes_are_reserved_connected_and_completed(world: World) -> None:
    """The order of the calls: attachments made, updated with the connector, completed when the guest is there."""
    server, ids = create(world)
    world.settle()
    assert is_active_on(world, server) == "host1"
    assert statuses(world, ids) == IN_USE
    assert readings.events(world, server) == [
        ("conductor_reserve_volumes", "Success"),
        ("conductor_schedule", "Success"),
        ("conductor_hand_over", "Success"),
        ("compute_connect_volumes", "Success"),
        ("compute_spawn", "Success"),
        ("compute_complete_volumes", "Success"),
    ]
    assert [method for method, _ in world.cinder.requests] == [
        *["POST", "POST"],
        *["PUT", "PUT"],
        *["POST", "POST"],
    ]
    assert_sound(world)


@pytest.mark.parametrize("mode", HARMLESS)
@pytest.mark.parametrize("step", CREATE_STEPS)
def test_create_survives(world: World, sabotage: Sabotage, step: str, mode: Mode) -> None:
    sabotage.plan(step, mode)
    server, ids = create(world)
    world.settle()
    assert is_active_on(world, server) == "host1"
    assert statuses(world, ids) == IN_USE
    assert sabotage.seen[step, False] >= 1
    assert_sound(world)


@pytest.mark.parametrize("mode", FAILURES)
@pytest.mark.parametrize("step", ["reserve_volumes", "schedule"])
def test_build_that_fails_above_the_cells_frees_its_volumes(
    world: World, sabotage: Sabotage, step: str, mode: Mode
) -> None:
    sabotage.plan(step, mode)
    server, ids = create(world)
    world.settle()
    located = world.find(server)
    assert located is not None
    assert located.cell is not None
    assert located.cell.is_cell0
    assert statuses(world, ids) == FREE
    assert [device.attachment_id for device in located.server.volumes] == [None, None]
    assert_sound(world)


@pytest.mark.parametrize("mode", FAILURES)
@pytest.mark.parametrize("step", AT_HOST)
def test_next_host_gets_attachments_of_its_own(
    world: World, sabotage: Sabotage, step: str, mode: Mode
) -> None:
    sabotage.plan(step, mode)
    server, ids = create(world)
    world.settle()
    assert is_active_on(world, server) == "host2"
    assert statuses(world, ids) == IN_USE
    [guest] = world.hosts["host2"][1].found.values()
    assert guest.admin_password == "secret"
    assert_sound(world)


@pytest.mark.parametrize("mode", FAILURES)
@pytest.mark.parametrize("step", AT_HOST)
def test_build_that_fails_everywhere_frees_its_volumes(
    world: World, sabotage: Sabotage, step: str, mode: Mode
) -> None:
    sabotage.plan(step, mode, times=9)
    server, ids = create(world)
    world.settle()
    located = world.find(server)
    assert located is not None
    assert (located.server.vm_state, located.server.host) == ("error", None)
    assert statuses(world, ids) == FREE
    assert_sound(world)
    world.delete(server)
    world.settle()
    assert statuses(world, ids) == AFTER_DELETE


@pytest.mark.parametrize("mode", [*FAILURES, *HARMLESS])
@pytest.mark.parametrize("undone", ["spawn", "occupy_host"])
def test_reschedule_survives(world: World, sabotage: Sabotage, undone: str, mode: Mode) -> None:
    sabotage.plan("complete_volumes", Mode.FAIL_AFTER)
    sabotage.plan(undone, mode, undoing=True)
    server, ids = create(world)
    world.settle()
    assert is_active_on(world, server) == "host2"
    assert statuses(world, ids) == IN_USE
    assert sabotage.seen[undone, True] >= 1
    assert_sound(world)


@pytest.mark.parametrize("mode", [*FAILURES, *HARMLESS])
def test_burial_survives(world: World, sabotage: Sabotage, mode: Mode) -> None:
    sabotage.plan("schedule", Mode.FAIL_AFTER)
    sabotage.plan("reserve_volumes", mode, undoing=True)
    _, ids = create(world)
    world.settle()
    assert statuses(world, ids) == FREE
    assert_sound(world)


def test_host_that_goes_down_while_it_builds_is_shut_out(world: World, sabotage: Sabotage) -> None:
    sabotage.plan("spawn", Mode.KILL_BEFORE)
    server, ids = create(world)
    world.deliver()
    world.census.down_hosts.add("host1")
    world.settle()
    assert is_active_on(world, server) == "host2"
    assert statuses(world, ids) == IN_USE
    assert_sound(world)


def test_volume_that_somebody_else_has(world: World) -> None:
    server, ids = create(world)
    world.attachments.reserve(str(uuid.uuid4()), ids["stays"])
    world.settle()
    located = world.find(server)
    assert located is not None
    assert located.row.fault is not None
    assert ids["stays"] in located.row.fault.message
    assert statuses(world, ids) == {"goes": "available", "stays": "reserved"}


def test_cinder_that_is_away_for_a_moment(world: World) -> None:
    world.cinder.refusals += [("POST", "/attachments", 500), ("PUT", "/attachments", 502)]
    server, ids = create(world)
    world.settle()
    assert is_active_on(world, server) == "host1"
    assert statuses(world, ids) == IN_USE


@pytest.mark.parametrize("mode", [*FAILURES, *HARMLESS])
@pytest.mark.parametrize("step", DELETE_STEPS)
def test_delete_survives(world: World, sabotage: Sabotage, step: str, mode: Mode) -> None:
    server, ids = create(world)
    world.settle()
    sabotage.plan(step, mode)
    world.delete(server)
    world.settle()
    assert world.find(server) is None
    assert statuses(world, ids) == AFTER_DELETE
    assert sabotage.seen[step, False] >= 1
    assert_sound(world)


@pytest.mark.parametrize("step", ["reserve_volumes", "schedule", "hand_over", *AT_HOST])
@pytest.mark.parametrize("mode", [Mode.KILL_BEFORE, Mode.KILL_AFTER])
def test_delete_while_the_worker_is_dead(
    world: World, sabotage: Sabotage, step: str, mode: Mode
) -> None:
    sabotage.plan(step, mode)
    server, ids = create(world)
    world.deliver()
    world.delete(server)
    world.settle()
    assert world.find(server) is None
    assert statuses(world, ids) == AFTER_DELETE
    assert_sound(world)


def test_delete_of_a_build_that_nobody_has_looked_at(world: World) -> None:
    server, ids = create(world)
    world.queue.clear()
    world.delete(server)
    world.settle()
    assert statuses(world, ids) == AFTER_DELETE
    assert_sound(world)


def test_delete_of_a_buried_server(world: World) -> None:
    world.chooser.refuses = True
    server, ids = create(world)
    world.settle()
    assert statuses(world, ids) == FREE
    world.delete(server)
    assert world.find(server) is None
    assert statuses(world, ids) == AFTER_DELETE
    assert_sound(world)


def test_volume_that_cinder_keeps_does_not_hold_up_the_delete(world: World) -> None:
    server, ids = create(world)
    world.settle()
    world.cinder.refusals.append(("DELETE", "/volumes/", 400))
    world.delete(server)
    world.settle()
    assert world.find(server) is None
    assert statuses(world, ids) == FREE
    assert_sound(world)
