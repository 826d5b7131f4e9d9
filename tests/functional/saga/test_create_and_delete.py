"""Create and delete, with every step failing, running twice, or killing its worker, forwards and backwards."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from groundwork.database import Transaction
from nova.db.api import builds
from nova.db.cell.models import instance_actions
from nova.lifecycle.create import CREATE
from nova.lifecycle.delete import DELETE
from nova.lifecycle.volumes import has_volumes
from tests.harness import readings
from tests.harness.databases import CELL1, CELL2
from tests.harness.sabotage import Killed, Mishap, Mode, Sabotage
from tests.harness.soundness import assert_sound
from tests.harness.world import World

FAILURES = (Mode.FAIL_BEFORE, Mode.FAIL_AFTER)
HARMLESS = (Mode.TWICE, Mode.KILL_BEFORE, Mode.KILL_AFTER)
# Servers here ask for no hardware and no volumes, and do not move: test_hardware.py, test_volumes.py and test_resize.py
# have those that do.
CREATE_STEPS = [
    step.name
    for step in CREATE.steps
    if step.name not in ("accept", "occupy_host", "claim_hardware")
    and step.needed is not has_volumes
]
DELETE_STEPS = [
    step.name
    for step in DELETE.steps
    if step.name != "destroy_other" and step.needed is not has_volumes
]


@pytest.fixture
def sabotage() -> Sabotage:
    return Sabotage()


@pytest.fixture
def world(tmp_path: Path, sabotage: Sabotage) -> World:
    return World(tmp_path, sabotage)


def test_create_ends_active_on_the_chosen_host(world: World) -> None:
    [server] = world.create()
    world.settle()
    located = world.find(server)
    assert located is not None
    assert located.cell is not None
    assert (located.server.vm_state, located.server.task_state) == ("active", None)
    assert (located.server.host, located.cell.uuid) == ("host1", CELL1)
    assert located.server.launched_at is not None
    assert located.server.tags == ("blue",)
    assert readings.events(world, server) == [
        ("conductor_schedule", "Success"),
        ("conductor_hand_over", "Success"),
        ("compute_spawn", "Success"),
    ]
    assert_sound(world)


def test_the_journal_forgets_the_password_once_the_guest_has_it(world: World) -> None:
    world.create()
    world.settle()
    with world.journals[CELL1].database.read() as tx:
        payload = tx.execute(sa.select(instance_actions.c.payload)).scalar_one()
    assert payload["values"]["admin_password"] is None
    [guest] = world.hosts["host1"][1].found.values()
    assert guest.admin_password == "secret"


@pytest.mark.parametrize("mode", HARMLESS)
@pytest.mark.parametrize("step", CREATE_STEPS)
def test_create_survives(world: World, sabotage: Sabotage, step: str, mode: Mode) -> None:
    sabotage.plan(step, mode)
    [server] = world.create()
    world.settle()
    located = world.find(server)
    assert located is not None
    assert located.server.vm_state == "active"
    assert sabotage.seen[step, False] >= 1
    assert_sound(world)


@pytest.mark.parametrize("mode", FAILURES)
def test_create_that_cannot_be_scheduled_is_buried(
    world: World, sabotage: Sabotage, mode: Mode
) -> None:
    sabotage.plan("schedule", mode)
    [server] = world.create()
    world.settle()
    located = world.find(server)
    assert located is not None
    assert located.cell is not None
    assert located.cell.is_cell0
    assert located.server.vm_state == "error"
    assert located.row.fault is not None
    assert "Mishap" in located.row.fault.message
    assert_sound(world)


def test_a_build_without_valid_host_tells_the_counts(world: World) -> None:
    world.chooser.refuses = True
    [server] = world.create()
    world.settle()
    located = world.find(server)
    assert located is not None
    assert located.row.fault is not None
    assert located.row.fault.message == "No valid host was found. Of 2 hosts: VCPU removed 2."
    assert_sound(world)


@pytest.mark.parametrize("mode", FAILURES)
def test_spawn_that_fails_takes_the_alternate(world: World, sabotage: Sabotage, mode: Mode) -> None:
    sabotage.plan("spawn", mode)
    [server] = world.create()
    world.settle()
    located = world.find(server)
    assert located is not None
    assert (located.server.vm_state, located.server.host) == ("active", "host2")
    assert_sound(world)


@pytest.mark.parametrize("mode", FAILURES)
def test_spawn_that_fails_everywhere_ends_in_error_and_holds_nothing(
    world: World, sabotage: Sabotage, mode: Mode
) -> None:
    sabotage.plan("spawn", mode, times=9)
    [server] = world.create()
    world.settle()
    located = world.find(server)
    assert located is not None
    assert (located.server.vm_state, located.server.host) == ("error", None)
    assert located.row.fault is not None
    assert world.claims.held == {}
    assert_sound(world)


@pytest.mark.parametrize("mode", [*FAILURES, *HARMLESS])
@pytest.mark.parametrize("undone", ["spawn", "occupy_host"])
def test_reschedule_survives(world: World, sabotage: Sabotage, undone: str, mode: Mode) -> None:
    sabotage.plan("spawn", Mode.FAIL_AFTER)
    sabotage.plan(undone, mode, undoing=True)
    [server] = world.create()
    world.settle()
    located = world.find(server)
    assert located is not None
    assert (located.server.vm_state, located.server.host) == ("active", "host2")
    assert sabotage.seen[undone, True] >= 1
    assert_sound(world)


@pytest.mark.parametrize("mode", [*FAILURES, *HARMLESS])
@pytest.mark.parametrize("undone", ["schedule", "accept"])
def test_burial_survives(world: World, sabotage: Sabotage, undone: str, mode: Mode) -> None:
    sabotage.plan("schedule", Mode.FAIL_AFTER)
    sabotage.plan(undone, mode, undoing=True)
    [server] = world.create()
    world.settle()
    located = world.find(server)
    assert located is not None
    assert located.cell is not None
    assert located.cell.is_cell0
    assert sabotage.seen[undone, True] >= 1
    assert_sound(world)


def test_a_full_alternate_is_passed_over(world: World, sabotage: Sabotage) -> None:
    world.claims.full.add("provider-host2")
    sabotage.plan("spawn", Mode.FAIL_BEFORE)
    [server] = world.create()
    world.settle()
    located = world.find(server)
    assert located is not None
    assert located.server.vm_state == "error"
    assert_sound(world)


def test_a_host_that_goes_down_while_it_builds_is_left(world: World, sabotage: Sabotage) -> None:
    sabotage.plan("spawn", Mode.KILL_BEFORE)
    [server] = world.create()
    world.deliver()
    world.census.down_hosts.add("host1")
    world.settle()
    located = world.find(server)
    assert located is not None
    assert (located.server.vm_state, located.server.host) == ("active", "host2")
    assert_sound(world)


def test_servers_of_one_request_are_scheduled_in_one_call(world: World, sabotage: Sabotage) -> None:
    servers = world.create(5)
    operation_ids = [hint[3] for hint in world.queue]
    world.queue.clear()
    _, worker = world._worker("super", next(iter([step.place for step in CREATE.steps])), None)
    worker.look_at(operation_ids)
    world.settle()
    assert sabotage.seen["schedule", False] == 1
    assert len({server.uuid for server in servers}) == 5
    assert len(readings.guests(world)) == 5
    assert_sound(world)


# Deleting


@pytest.mark.parametrize("mode", [*FAILURES, *HARMLESS])
@pytest.mark.parametrize("step", DELETE_STEPS)
def test_delete_survives(world: World, sabotage: Sabotage, step: str, mode: Mode) -> None:
    [server] = world.create()
    world.settle()
    sabotage.plan(step, mode)
    world.delete(server)
    world.settle()
    assert world.find(server) is None
    assert sabotage.seen[step, False] >= 1
    assert world.claims.held == {}
    assert_sound(world)


def test_deleting_twice_is_one_operation(world: World, sabotage: Sabotage) -> None:
    [server] = world.create()
    world.settle()
    world.delete(server)
    world.delete(server)
    world.settle()
    assert world.find(server) is None
    assert sabotage.seen["destroy_guest", False] == 1
    assert_sound(world)


def test_delete_of_a_build_that_nobody_has_looked_at(world: World) -> None:
    [server] = world.create()
    world.queue.clear()
    world.delete(server)
    assert world.find(server) is None
    world.settle()
    assert world.claims.held == {}
    assert_sound(world)


@pytest.mark.parametrize("mode", [Mode.KILL_BEFORE, Mode.KILL_AFTER])
@pytest.mark.parametrize("step", ["schedule", "hand_over"])
def test_delete_while_the_super_conductor_is_dead(
    world: World, sabotage: Sabotage, step: str, mode: Mode
) -> None:
    sabotage.plan(step, mode)
    [server] = world.create()
    super_hint = world.queue.popleft()
    world.work(*super_hint)
    located = world.find(server)
    assert located is not None
    world.delete(server)
    world.settle()
    assert world.find(server) is None
    assert world.claims.held == {}
    assert_sound(world)


def test_delete_while_the_guest_is_being_made_waits_for_the_step(
    world: World, sabotage: Sabotage
) -> None:
    [server] = world.create()
    spawned = world.hosts["host1"][1].spawn

    def spawn_while_deleted(guest: object) -> None:
        world.delete(server)
        # The delete has been hinted at; whoever looks now must not pass the step that is being run.
        world.deliver()
        spawned(guest)  # type: ignore[arg-type]

    world.hosts["host1"][1].spawn = spawn_while_deleted  # type: ignore[method-assign]
    world.settle()
    assert world.find(server) is None
    assert_sound(world)


@pytest.mark.parametrize("mode", [Mode.KILL_BEFORE, Mode.KILL_AFTER])
def test_delete_after_the_compute_died_while_building(
    world: World, sabotage: Sabotage, mode: Mode
) -> None:
    sabotage.plan("spawn", mode)
    [server] = world.create()
    world.deliver()
    world.delete(server)
    world.settle()
    assert world.find(server) is None
    assert_sound(world)


def test_delete_with_the_host_down_leaves_only_the_guest_to_the_host(world: World) -> None:
    [server] = world.create()
    world.settle()
    world.census.down_hosts.add("host1")
    world.delete(server)
    world.queue.clear()
    world.settle()
    assert world.find(server) is None
    assert world.claims.held == {}
    assert readings.guests(world) == {server.uuid: "host1"}


def test_delete_of_a_buried_server(world: World) -> None:
    world.chooser.refuses = True
    [server] = world.create()
    world.settle()
    world.delete(server)
    assert world.find(server) is None
    assert_sound(world)


def test_delete_during_a_reschedule(world: World, sabotage: Sabotage) -> None:
    sabotage.plan("spawn", Mode.FAIL_AFTER)
    sabotage.plan("occupy_host", Mode.KILL_AFTER, undoing=True)
    [server] = world.create()
    world.deliver()
    world.delete(server)
    world.settle()
    assert world.find(server) is None
    assert world.claims.held == {}
    assert_sound(world)


def test_second_cell_builds_too(world: World) -> None:
    world.chooser.offers = [world.offer("host3")]
    [server] = world.create()
    world.settle()
    located = world.find(server)
    assert located is not None
    assert located.cell is not None
    assert (located.cell.uuid, located.server.host) == (CELL2, "host3")
    assert_sound(world)


# Between the two databases of a hand-over


@pytest.fixture(params=["dies", "fails"])
def torn_hand_over(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first hand-over stops after the cell has the server and before the API database knows."""
    whole = builds.hand_over
    stops = [Killed("between") if request.param == "dies" else Mishap("between")]

    def torn(tx: Transaction, uuid: str, cell_id: int) -> bool:
        if stops:
            raise stops.pop()
        return whole(tx, uuid, cell_id)

    monkeypatch.setattr(builds, "hand_over", torn)


@pytest.mark.usefixtures("torn_hand_over")
def test_a_torn_hand_over_is_completed(world: World) -> None:
    [server] = world.create()
    world.settle()
    located = world.find(server)
    assert located is not None
    assert located.server.vm_state == "active"
    assert_sound(world)


@pytest.mark.usefixtures("torn_hand_over")
def test_a_torn_hand_over_of_a_deleted_build_leaves_nothing(world: World) -> None:
    [server] = world.create()
    super_hint = world.queue.popleft()
    world.work(*super_hint)
    world.delete(server)
    assert world.find(server) is None
    world.settle()
    assert world.find(server) is None
    assert world.claims.held == {}
    assert_sound(world)


@pytest.mark.usefixtures("torn_hand_over")
def test_a_torn_burial_is_completed(world: World) -> None:
    world.chooser.refuses = True
    [server] = world.create()
    world.settle()
    located = world.find(server)
    assert located is not None
    assert located.cell is not None
    assert located.cell.is_cell0
    assert_sound(world)
