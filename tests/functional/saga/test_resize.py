"""Resizes and cold migrations, with every step failing, running twice, and losing its worker."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from groundwork.columns import now
from groundwork.errors import Conflict
from nova.db.api.instance_mappings import Usage
from nova.db.cell import services
from nova.db.cell.models import compute_nodes
from nova.domain.server import Server
from nova.domain.service_versions import MOVES_VERSION
from nova.lifecycle.confirm_resize import CONFIRM_RESIZE
from nova.lifecycle.delete import DELETE
from nova.lifecycle.resize import RESIZE
from nova.lifecycle.revert_resize import REVERT_RESIZE
from nova.lifecycle.volumes import has_volumes
from tests.harness import moves, readings
from tests.harness.databases import CELL1
from tests.harness.hosts import Hypervisor
from tests.harness.moves import confirm, holds, made, migrate, resize, revert, where
from tests.harness.sabotage import Mode, Sabotage
from tests.harness.soundness import assert_sound
from tests.harness.world import World

SMALL_USE = Usage(instances=1, cores=1, ram_mb=64)
LARGE_USE = Usage(instances=1, cores=4, ram_mb=512)
HARMLESS = (Mode.TWICE, Mode.KILL_BEFORE, Mode.KILL_AFTER)
STEPS = [step.name for step in RESIZE.steps]
UNDONE = [step.name for step in RESIZE.steps if step.undo is not None]


@pytest.fixture
def sabotage() -> Sabotage:
    return Sabotage()


@pytest.fixture
def world(tmp_path: Path, sabotage: Sabotage) -> World:
    return World(tmp_path, sabotage)


def assert_unharmed(world: World, server: Server) -> None:
    assert_sound(world)
    assert where(world, server) == ("active", "host1", "1")
    assert holds(world, server) == {"server": {"provider-host1": 1}}
    assert readings.counted(world) == SMALL_USE
    assert server.uuid not in world.hosts["host1"][1].off


def assert_resized(world: World, server: Server) -> None:
    assert_sound(world)
    assert where(world, server) == ("resized", "host2", "2")
    assert holds(world, server) == {
        "server": {"provider-host2": 4},
        "migration": {"provider-host1": 1},
    }
    assert readings.counted(world) == LARGE_USE


def assert_confirmed(world: World, server: Server) -> None:
    assert_sound(world)
    assert where(world, server) == ("active", "host2", "2")
    assert holds(world, server) == {"server": {"provider-host2": 4}}
    assert readings.counted(world) == LARGE_USE


def test_a_resize_is_confirmed(world: World) -> None:
    server = made(world)
    resize(world, server)
    assert world.servers.find(server.uuid).server.task_state == "resize_prep"
    world.settle()
    assert_resized(world, server)
    confirm(world, server)
    world.settle()
    assert_confirmed(world, server)


def test_a_resize_is_reverted(world: World) -> None:
    server = made(world)
    resize(world, server)
    world.settle()
    revert(world, server)
    world.settle()
    assert_unharmed(world, server)


def lose_source(world: World) -> Server:
    """A server that waits for an answer, while nothing is held of the host that it has left."""
    with world.journals[CELL1].database.write() as tx:
        values = {
            "uuid": "provider-host1",
            "host": "host1",
            "hypervisor_hostname": "host1",
            "hypervisor_type": "fake",
            "hypervisor_version": 1,
            "vcpus": 1,
            "memory_mb": 1,
            "local_gb": 1,
            "created_at": now(),
        }
        tx.execute(sa.insert(compute_nodes).values(**values))
    server = made(world)
    resize(world, server)
    world.settle()
    [move] = readings.waiting_moves(world)
    del world.claims.held[move.uuid]
    return server


@pytest.mark.parametrize("mode", [None, *HARMLESS, Mode.FAIL_BEFORE, Mode.FAIL_AFTER])
def test_a_lost_source_is_claimed_anew_before_a_revert(
    world: World, sabotage: Sabotage, mode: Mode | None
) -> None:
    """The migration had been robbed of its allocation: the server ended on its old host and held the new one."""
    server = lose_source(world)
    if mode is not None:
        sabotage.plan("hold_source", mode)
    revert(world, server)
    world.settle()
    assert_unharmed(world, server)
    sizes = {"VCPU": 1, "MEMORY_MB": 64, "DISK_GB": 1}
    assert world.claims.held[server.uuid].resources == {"provider-host1": sizes}


@pytest.mark.parametrize("mode", [None, *HARMLESS, Mode.FAIL_BEFORE, Mode.FAIL_AFTER])
def test_a_revert_to_a_host_that_was_given_away_leaves_the_server_where_it_is(
    world: World, sabotage: Sabotage, mode: Mode | None
) -> None:
    server = lose_source(world)
    world.claims.full.add("provider-host1")
    if mode is not None:
        sabotage.plan("hold_source", mode, undoing=True)
    revert(world, server)
    world.settle()
    assert where(world, server) == ("resized", "host2", "2")
    assert holds(world, server) == {"server": {"provider-host2": 4}}
    assert readings.counted(world) == LARGE_USE
    assert readings.actions(world, server)[-1] == ("revertResize", "Error")
    events = readings.events(world, server)
    assert ("conductor_hold_source", "Error") in events
    assert events[-1] == ("conductor_undo_hold_source", "Success")
    assert readings.guests(world) == {server.uuid: "host2"}
    # Either answer is possible still, and the revert once there is room again.
    world.claims.full.clear()
    revert(world, server)
    world.settle()
    assert_unharmed(world, server)


def test_a_lost_source_does_not_keep_a_move_from_being_confirmed(world: World) -> None:
    server = lose_source(world)
    confirm(world, server)
    world.settle()
    assert_confirmed(world, server)


def test_a_server_that_was_off_stays_off(world: World) -> None:
    server = made(world)
    world.update(server, vm_state="stopped")
    resize(world, server)
    world.settle()
    assert server.uuid in world.hosts["host2"][1].off
    revert(world, server)
    world.settle()
    assert where(world, server) == ("stopped", "host1", "1")
    assert server.uuid in world.hosts["host1"][1].off


@pytest.mark.parametrize("mode", HARMLESS)
@pytest.mark.parametrize("step", STEPS)
def test_a_resize_survives(world: World, sabotage: Sabotage, step: str, mode: Mode) -> None:
    server = made(world)
    sabotage.plan(step, mode)
    resize(world, server)
    world.settle()
    assert_resized(world, server)


@pytest.mark.parametrize("mode", [Mode.FAIL_BEFORE, Mode.FAIL_AFTER])
@pytest.mark.parametrize("step", STEPS)
def test_a_failing_step_leaves_the_server_unharmed(
    world: World, sabotage: Sabotage, step: str, mode: Mode
) -> None:
    server = made(world)
    sabotage.plan(step, mode, times=9)
    resize(world, server)
    world.settle()
    assert_unharmed(world, server)
    assert readings.actions(world, server)[-1] == ("resize", "Error")
    # And it can be done once more.
    sabotage.plans.clear()
    resize(world, server)
    world.settle()
    assert_resized(world, server)


@pytest.mark.parametrize("mode", [*HARMLESS, Mode.FAIL_BEFORE, Mode.FAIL_AFTER])
@pytest.mark.parametrize("undone", UNDONE)
@pytest.mark.parametrize("failing", ["choose", "await_answer"])
def test_undoing_survives(
    world: World, sabotage: Sabotage, failing: str, undone: str, mode: Mode
) -> None:
    server = made(world)
    sabotage.plan(failing, Mode.FAIL_AFTER, times=9)
    sabotage.plan(undone, mode, undoing=True)
    resize(world, server)
    world.settle()
    assert_unharmed(world, server)


@pytest.mark.parametrize("mode", [*HARMLESS, Mode.FAIL_BEFORE, Mode.FAIL_AFTER])
@pytest.mark.parametrize("step", [step.name for step in CONFIRM_RESIZE.steps])
def test_confirming_survives(world: World, sabotage: Sabotage, step: str, mode: Mode) -> None:
    server = made(world)
    resize(world, server)
    world.settle()
    sabotage.plan(step, mode)
    confirm(world, server)
    world.settle()
    assert_confirmed(world, server)


@pytest.mark.parametrize("mode", [*HARMLESS, Mode.FAIL_BEFORE, Mode.FAIL_AFTER])
@pytest.mark.parametrize("step", [step.name for step in REVERT_RESIZE.steps])
def test_reverting_survives(world: World, sabotage: Sabotage, step: str, mode: Mode) -> None:
    server = made(world)
    resize(world, server)
    world.settle()
    sabotage.plan(step, mode)
    revert(world, server)
    world.settle()
    assert_unharmed(world, server)


def test_no_valid_host_leaves_the_server_unharmed(world: World) -> None:
    server = made(world)
    world.chooser.offers = [world.offer("host1"), world.offer("host3")]
    for move in (resize, migrate):
        move(world, server)
        world.settle()
        assert_unharmed(world, server)
        assert readings.actions(world, server)[-1][1] == "Error"


def test_a_deleted_server_that_waits_for_an_answer_frees_all(world: World) -> None:
    server = made(world)
    resize(world, server)
    world.settle()
    world.delete(server)
    world.settle()
    assert_sound(world)
    assert world.claims.held == {}
    assert readings.guests(world) == {}
    assert readings.counted(world) == Usage(0, 0, 0)


@pytest.mark.parametrize("mode", [*HARMLESS, Mode.FAIL_BEFORE, Mode.FAIL_AFTER])
@pytest.mark.parametrize(
    "step", [step.name for step in DELETE.steps if step.needed is not has_volumes]
)
def test_deleting_a_server_that_waits_for_an_answer_survives(
    world: World, sabotage: Sabotage, step: str, mode: Mode
) -> None:
    server = made(world)
    resize(world, server)
    world.settle()
    sabotage.plan(step, mode)
    world.delete(server)
    world.settle()
    assert sabotage.seen[step, False] >= 1
    assert world.find(server) is None
    assert_sound(world)
    assert world.claims.held == {}


@pytest.mark.parametrize("deliveries", range(14))
def test_a_move_that_is_interrupted_by_a_delete_frees_all(world: World, deliveries: int) -> None:
    server = made(world)
    resize(world, server)
    for _ in range(deliveries):
        if world.queue:
            world.work(*world.queue.popleft())
    world.delete(server)
    world.settle()
    assert world.find(server) is None
    assert_sound(world)
    assert world.claims.held == {}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("mode", [Mode.KILL_BEFORE, Mode.KILL_AFTER])
def test_a_delete_after_a_worker_died_frees_all(
    world: World, sabotage: Sabotage, step: str, mode: Mode
) -> None:
    server = made(world)
    sabotage.plan(step, mode)
    resize(world, server)
    world.deliver()
    world.delete(server)
    world.settle()
    assert world.find(server) is None
    assert_sound(world)
    assert world.claims.held == {}
    assert readings.guests(world) == {}


def test_a_cold_migration_keeps_the_flavor(world: World) -> None:
    server = made(world)
    migrate(world, server)
    world.settle()
    assert_sound(world)
    assert where(world, server) == ("resized", "host2", "1")
    assert readings.counted(world) == SMALL_USE
    confirm(world, server)
    world.settle()
    assert where(world, server) == ("active", "host2", "1")
    assert holds(world, server) == {"server": {"provider-host2": 1}}


def test_while_it_moves_nothing_else_may_begin(world: World) -> None:
    server = made(world)
    resize(world, server)
    for action in (resize, migrate, confirm, revert):
        with pytest.raises(Conflict):
            action(world, server)
    world.settle()
    for action in (resize, migrate):
        with pytest.raises(Conflict, match="vm_state resized"):
            action(world, server)
    assert_resized(world, server)


def test_a_destination_that_goes_down_gives_the_server_back(
    world: World, sabotage: Sabotage
) -> None:
    server = made(world)
    sabotage.plan("take_over", Mode.KILL_AFTER)
    resize(world, server)
    world.deliver()
    world.census.down_hosts.add("host2")
    world.settle()
    assert where(world, server) == ("active", "host1", "1")
    assert holds(world, server) == {"server": {"provider-host1": 1}}
    # What is left there is for the host's own audit, which asks whose guests it has.
    world.hosts["host2"][1].destroy(server.uuid)
    assert_unharmed(world, server)


def test_a_source_that_goes_down_is_waited_for_when_the_guest_is_only_there(
    world: World, sabotage: Sabotage
) -> None:
    server = made(world)
    resize(world, server)
    world.settle()
    sabotage.plan("restore", Mode.KILL_BEFORE)
    revert(world, server)
    world.deliver()
    world.census.down_hosts.add("host1")
    for _ in range(5):
        world.deliver()
        world.pass_time()
        world.sweep()
    assert world.unfinished() == [("revertResize", "running", "restore")]
    world.census.down_hosts.clear()
    world.settle()
    assert_unharmed(world, server)


def test_a_source_that_is_down_does_not_keep_a_move_from_being_confirmed(world: World) -> None:
    server = made(world)
    resize(world, server)
    world.settle()
    world.census.down_hosts.add("host1")
    confirm(world, server)
    world.settle()
    world.hosts["host1"][1].destroy(server.uuid)
    assert_confirmed(world, server)


def age(world: World, host: str) -> None:
    """The compute of this host becomes one of the first release."""
    cell, _ = world.hosts[host]
    world.journals[cell].database.run(
        lambda tx: services.register(tx, host, services.COMPUTE, "1", version=MOVES_VERSION - 1)
    )


def test_a_host_that_is_too_old_for_moves_keeps_its_servers(world: World) -> None:
    """While a cloud is upgraded; what its compute does not know it would never do."""
    server = made(world)
    age(world, "host1")
    with pytest.raises(Conflict, match="the compute service of its host is too old"):
        resize(world, server)
    with pytest.raises(Conflict, match="the compute service of its host is too old"):
        migrate(world, server)
    assert_unharmed(world, server)


def test_no_server_is_moved_to_a_host_that_is_too_old(world: World) -> None:
    server = made(world)
    age(world, "host2")
    with pytest.raises(Conflict, match="to host host2: its compute service is too old"):
        migrate(world, server, "host2")
    assert_unharmed(world, server)
    for begin in (resize, migrate):
        begin(world, server)
        world.settle()
        assert_unharmed(world, server)


def test_a_destination_that_is_too_old_is_passed_over(world: World) -> None:
    world.hosts["host4"] = (CELL1, Hypervisor(host="host4"))
    world.chooser.offers = [world.offer(host) for host in ("host1", "host2", "host4")]
    server = made(world)
    age(world, "host2")
    migrate(world, server)
    world.settle()
    assert where(world, server) == ("resized", "host4", "1")
    assert_sound(world)


def test_a_smaller_flavor_counts_once_it_is_confirmed(world: World) -> None:
    server = made(world)
    resize(world, server)
    world.settle()
    confirm(world, server)
    world.settle()
    back = moves.LARGE.__class__(flavorid="1", name="tiny", vcpus=1, memory_mb=64, root_gb=1)
    resize(world, server, back)
    world.settle()
    assert readings.counted(world) == LARGE_USE
    confirm(world, server)
    assert readings.counted(world) == SMALL_USE
    world.settle()
    assert readings.counted(world) == SMALL_USE
    assert_sound(world)


@pytest.fixture
def wide(world: World) -> World:
    """With two alternates for a server that leaves host1."""
    world.chooser.offers = [world.offer(f"host{number}") for number in (1, 2, 3, 4, 5)]
    return world


def assert_resized_to(world: World, server: Server, host: str) -> None:
    assert_sound(world)
    assert where(world, server) == ("resized", host, "2")
    assert holds(world, server) == {
        "server": {f"provider-{host}": 4},
        "migration": {"provider-host1": 1},
    }
    [move] = readings.waiting_moves(world)
    assert (move.source_compute, move.dest_compute, move.dest_node) == ("host1", host, host)
    assert readings.counted(world) == LARGE_USE


@pytest.mark.parametrize("mode", [Mode.FAIL_BEFORE, Mode.FAIL_AFTER])
@pytest.mark.parametrize(("failures", "host"), [(1, "host4"), (2, "host5")])
def test_a_destination_that_fails_is_followed_by_the_next(
    wide: World, sabotage: Sabotage, failures: int, host: str, mode: Mode
) -> None:
    server = made(wide)
    sabotage.plan("take_over", mode, times=failures)
    resize(wide, server)
    wide.settle()
    assert_resized_to(wide, server, host)
    assert readings.actions(wide, server)[-1] == ("resize", None)
    revert(wide, server)
    wide.settle()
    assert_unharmed(wide, server)


def test_a_move_to_an_alternate_is_confirmed(wide: World, sabotage: Sabotage) -> None:
    server = made(wide)
    wide.update(server, vm_state="stopped")
    sabotage.plan("take_over", Mode.FAIL_AFTER)
    migrate(wide, server)
    wide.settle()
    assert server.uuid in wide.hosts["host4"][1].off
    confirm(wide, server)
    wide.settle()
    assert_sound(wide)
    assert where(wide, server) == ("stopped", "host4", "1")
    assert holds(wide, server) == {"server": {"provider-host4": 1}}


def test_when_all_destinations_fail_the_server_is_unharmed(wide: World, sabotage: Sabotage) -> None:
    server = made(wide)
    sabotage.plan("take_over", Mode.FAIL_AFTER, times=3)
    resize(wide, server)
    wide.settle()
    assert sabotage.seen["take_over", False] == 3
    assert_unharmed(wide, server)
    assert readings.actions(wide, server)[-1] == ("resize", "Error")


def test_alternates_that_are_full_by_now_are_passed_over(wide: World, sabotage: Sabotage) -> None:
    server = made(wide)
    wide.claims.full = {"provider-host4"}
    sabotage.plan("take_over", Mode.FAIL_BEFORE)
    resize(wide, server)
    wide.settle()
    assert_resized_to(wide, server, "host5")


def test_a_destination_that_goes_down_is_followed_by_the_next(
    wide: World, sabotage: Sabotage
) -> None:
    server = made(wide)
    sabotage.plan("take_over", Mode.KILL_BEFORE)
    resize(wide, server)
    wide.deliver()
    wide.census.down_hosts.add("host2")
    wide.settle()
    assert_resized_to(wide, server, "host4")


@pytest.mark.parametrize("mode", [Mode.FAIL_BEFORE, Mode.FAIL_AFTER])
def test_no_alternate_is_tried_when_the_source_fails(
    wide: World, sabotage: Sabotage, mode: Mode
) -> None:
    server = made(wide)
    sabotage.plan("hand_off", mode)
    resize(wide, server)
    wide.settle()
    assert sabotage.seen["hand_off", False] == 1
    assert_unharmed(wide, server)


@pytest.mark.parametrize("mode", [*HARMLESS, Mode.FAIL_BEFORE, Mode.FAIL_AFTER])
@pytest.mark.parametrize("undone", ["take_over", "switch", "hand_off", "take_destination"])
def test_going_on_to_an_alternate_survives(
    wide: World, sabotage: Sabotage, undone: str, mode: Mode
) -> None:
    server = made(wide)
    sabotage.plan("take_over", Mode.FAIL_AFTER)
    sabotage.plan(undone, mode, undoing=True)
    resize(wide, server)
    wide.settle()
    assert sabotage.seen[undone, True] >= 1
    assert_resized_to(wide, server, "host4")


@pytest.mark.parametrize("mode", HARMLESS)
@pytest.mark.parametrize("step", ["hand_off", "switch", "await_answer"])
def test_a_second_destination_survives(
    wide: World, sabotage: Sabotage, step: str, mode: Mode
) -> None:
    server = made(wide)
    sabotage.plan("take_over", Mode.FAIL_AFTER)
    resize(wide, server)
    while not sabotage.seen["take_destination", True]:
        wide.work(*wide.queue.popleft())
    sabotage.plan(step, mode)
    wide.settle()
    assert_resized_to(wide, server, "host4")


@pytest.mark.parametrize("deliveries", range(1, 20, 2))
def test_a_delete_on_the_way_to_an_alternate_frees_all(
    wide: World, sabotage: Sabotage, deliveries: int
) -> None:
    server = made(wide)
    sabotage.plan("take_over", Mode.FAIL_AFTER, times=2)
    resize(wide, server)
    for _ in range(deliveries):
        if wide.queue:
            wide.work(*wide.queue.popleft())
    wide.delete(server)
    wide.settle()
    assert wide.find(server) is None
    assert_sound(wide)
    assert wide.claims.held == {}
    assert readings.guests(wide) == {}


def test_no_alternate_is_claimed_once_the_source_was_given_back(
    wide: World, sabotage: Sabotage
) -> None:
    """1. All alternates are full: the server holds its source again. 2. The worker dies. 3. An alternate has room."""
    server = made(wide)
    wide.claims.full = {"provider-host4", "provider-host5"}
    sabotage.plan("take_over", Mode.FAIL_AFTER)
    sabotage.plan("take_destination", Mode.KILL_AFTER, undoing=True)
    resize(wide, server)
    wide.deliver()
    assert sabotage.seen["take_destination", True] == 1
    wide.claims.full = set()
    wide.settle()
    assert_unharmed(wide, server)
