"""The repair of a server: it survives what every operation survives, and gives way to its user.

And the audit of a plane that is run by hand, where owners can be killed and hints lost without a sweeper coming by.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from groundwork.columns import now
from groundwork.errors import Invalid
from nova.audit.auditor import Auditor, Report, Scope
from nova.audit.finding import Check, Kind
from nova.audit.healing import heal
from nova.audit.repairs import Repairer
from nova.db.api.models import build_requests
from nova.db.cell.models import instance_actions, instances
from nova.domain.server import Server
from nova.lifecycle import repair
from nova.lifecycle.repair import RepairPayload, Seen, WantedAllocation, WantedSource
from tests.harness import readings
from tests.harness.databases import CELL1
from tests.harness.moves import confirm, resize, where
from tests.harness.sabotage import Killed, Mode, Sabotage
from tests.harness.soundness import assert_sound
from tests.harness.world import World

RIGHT = {"provider-host1": {"VCPU": 1}}
CHECKS = (Check.OPERATIONS, Check.BUILDS, Check.MAPPINGS, Check.LEDGER)


@pytest.fixture
def sabotage() -> Sabotage:
    return Sabotage()


@pytest.fixture
def world(tmp_path: Path, sabotage: Sabotage) -> World:
    return World(tmp_path, sabotage)


def built(world: World) -> Server:
    [server] = world.create()
    world.settle()
    return server


def change(world: World, table: sa.Table, **values: Any) -> None:
    """Set columns of all rows of cell1, or of the API database."""
    database = world.api if table is build_requests else world.journals[CELL1].database
    database.run(lambda tx: tx.execute(sa.update(table).values(**values)))


def begin(world: World, server: Server, *, generation: int | None, **more: Any) -> int | None:
    """Begin to give the server what is right."""
    wanted = WantedAllocation("host1", "host1", RIGHT, generation)
    return repair.begin(
        world.journals[CELL1],
        Seen(server.uuid),
        RepairPayload(allocation=wanted, **more),
        world.context,
    )


@pytest.mark.parametrize("step", ["correct_allocation", "settle"])
@pytest.mark.parametrize("mode", list(Mode))
def test_repair_survives(world: World, sabotage: Sabotage, step: str, mode: Mode) -> None:
    server = built(world)
    del world.claims.held[server.uuid]
    change(world, instances, task_state="resize_prep", vm_state="building")
    located = world.find(server)
    assert located is not None
    sabotage.plan(step, mode)
    assert repair.begin(
        world.journals[CELL1],
        Seen(server.uuid, "resize_prep", "building", located.server.updated_at),
        RepairPayload(WantedAllocation("host1", "host1", RIGHT, None), settle=True),
        world.context,
    )
    world.settle()
    located = world.find(server)
    assert located is not None
    assert (located.server.vm_state, located.server.task_state) == ("error", None)
    assert located.row.fault is not None
    assert located.row.fault.message == repair.ABANDONED
    assert sabotage.seen[step, False] >= 1
    assert_sound(world)


def lose_source(world: World) -> tuple[Server, str]:
    """A server that waits on host2 for an answer, and its move, which does not hold host1 any more."""
    server = built(world)
    resize(world, server)
    world.settle()
    [move] = readings.waiting_moves(world)
    del world.claims.held[move.uuid]
    return server, move.uuid


def begin_source(world: World, server: Server, move: str, *, generation: int | None = None) -> None:
    wanted = WantedSource(move, RIGHT, generation)
    payload = RepairPayload(source=wanted)
    assert repair.begin(world.journals[CELL1], Seen(server.uuid), payload, world.context)


def last_details(world: World) -> tuple[str, str | None]:
    table = world.journals[CELL1].store.tables.events
    with world.journals[CELL1].database.read() as tx:
        last = tx.execute(sa.select(table).order_by(table.c.id.desc())).first()
    assert last is not None
    return last.event, last.details


@pytest.mark.parametrize("mode", list(Mode))
def test_the_repair_of_a_move_survives(world: World, sabotage: Sabotage, mode: Mode) -> None:
    server, move = lose_source(world)
    sabotage.plan("correct_source", mode)
    begin_source(world, server, move)
    world.settle()
    assert sabotage.seen["correct_source", False] >= 1
    assert world.claims.held[move].resources == RIGHT
    assert where(world, server) == ("resized", "host2", "2")
    assert_sound(world)


def test_a_move_that_is_answered_meanwhile_is_left_alone(world: World) -> None:
    server, move = lose_source(world)
    confirm(world, server)
    world.settle()
    begin_source(world, server, move)
    world.settle()
    details = "left alone: the move has been answered meanwhile"
    assert last_details(world) == ("conductor_correct_source", details)
    assert_sound(world)


def test_a_move_that_holds_something_since_is_left_alone(world: World) -> None:
    server, move = lose_source(world)
    begin_source(world, server, move, generation=7)
    world.settle()
    details = "left alone: the allocation has changed meanwhile"
    assert last_details(world) == ("conductor_correct_source", details)
    assert move not in world.claims.held


def test_a_user_who_deletes_the_server_stops_its_repair(world: World) -> None:
    server = built(world)
    del world.claims.held[server.uuid]
    assert begin(world, server, generation=None)
    world.delete(server)
    world.settle()
    assert world.find(server) is None
    assert world.claims.held == {}
    assert_sound(world)


@pytest.mark.parametrize("mode", [Mode.KILL_BEFORE, Mode.KILL_AFTER])
def test_a_delete_waits_for_the_step_in_hand_and_leaves_nothing(
    world: World, sabotage: Sabotage, mode: Mode
) -> None:
    """1. The repair claims room. 2. Its worker dies. 3. The user deletes the server. 4. The claim is released last."""
    server = built(world)
    del world.claims.held[server.uuid]
    sabotage.plan("correct_allocation", mode)
    assert begin(world, server, generation=None)
    world.deliver()
    world.delete(server)
    world.settle()
    assert world.find(server) is None
    assert world.claims.held == {}
    assert_sound(world)


def test_whoever_is_at_work_is_not_interrupted(world: World) -> None:
    server = built(world)
    world.delete(server)
    assert begin(world, server, generation=None) is None
    world.settle()
    assert begin(world, server, generation=None) is None
    assert_sound(world)


def test_a_row_that_has_changed_since_is_left_alone(world: World) -> None:
    server = built(world)
    change(world, instances, task_state="resize_prep")
    journal = world.journals[CELL1]
    for seen in (
        Seen(server.uuid),
        Seen(server.uuid, "rebuilding", "active"),
        Seen(server.uuid, "resize_prep", "stopped"),
        Seen(server.uuid, "resize_prep", "active", now()),
    ):
        assert repair.begin(journal, seen, RepairPayload(settle=True), world.context) is None
    change(world, instances, task_state=None)
    assert_sound(world)


@pytest.mark.parametrize(
    ("prepare", "details"),
    [
        (lambda world, uuid: None, "the allocation is as it should be"),
        (
            lambda world, uuid: world.claims.held.update(
                {uuid: type(world.claims.held[uuid])({"provider-host2": {"VCPU": 1}}, 7)}
            ),
            "left alone: the allocation has changed meanwhile",
        ),
        (
            lambda world, uuid: change(world, instances, host="host2"),
            "left alone: the server has moved meanwhile",
        ),
        (
            lambda world, uuid: (
                world.claims.held.pop(uuid),
                world.claims.full.add("provider-host1"),
            ),
            "left alone: host1 has no room for what the server uses",
        ),
    ],
)
def test_the_step_looks_before_it_claims(
    world: World, prepare: Callable[[World, str], None], details: str
) -> None:
    server = built(world)
    prepare(world, server.uuid)
    before = dict(world.claims.held)
    assert begin(world, server, generation=None)
    world.settle()
    assert world.claims.held == before
    assert last_details(world) == ("conductor_correct_allocation", details)


def test_a_provider_that_is_gone_is_no_reason_to_try_for_ever(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: Any, **_more: Any) -> None:
        raise Invalid("Placement does not accept the request.")

    server = built(world)
    del world.claims.held[server.uuid]
    monkeypatch.setattr(world.claims, "claim", refuse)
    assert begin(world, server, generation=None)
    world.deliver()
    assert not world.unfinished()
    assert readings.events(world, server)[-1] == ("conductor_correct_allocation", "Success")


def make_auditor(world: World, sleep: Callable[[float], object] = lambda _seconds: None) -> Auditor:
    return Auditor(
        api_database=world.api,
        cells=world.registry.all,
        databases=world.targets,
        placement=None,  # type: ignore[arg-type]
        idle_s=600,
        grace_s=0,
        sleep=sleep,
    )


def report(world: World) -> Report:
    found = make_auditor(world).audit(Scope(CHECKS))
    assert found.is_complete
    return found


def found_and_healed(world: World, server: Server, *kinds: Kind) -> None:
    """Exactly these are found, of this server; after the repair the plane goes on by itself and is clean."""
    found = report(world)
    assert [(f.kind, f.subject) for f in found.findings] == [(k, server.uuid) for k in kinds]
    repairer = Repairer(
        api_database=world.api,
        placement=world.claims,  # type: ignore[arg-type]
        builds=world.builds,
        journal_of=world.journals.__getitem__,
    )
    healed = heal(
        make_auditor(world), repairer, found, wait_s=60, sleep=lambda _seconds: world.deliver()
    )
    assert list(healed.rest.findings) == []
    world.deliver()
    assert not world.unfinished()
    assert list(report(world).findings) == []
    assert_sound(world)


LONG_AGO = timedelta(hours=1)


def test_an_operation_of_a_dead_owner(world: World, sabotage: Sabotage) -> None:
    sabotage.plan("spawn", Mode.KILL_BEFORE)
    [server] = world.create()
    world.deliver()
    found_and_healed(world, server, Kind.DEAD_OWNER)


def test_an_undo_of_a_dead_owner(world: World, sabotage: Sabotage) -> None:
    sabotage.plan("spawn", Mode.FAIL_BEFORE)
    sabotage.plan("occupy_host", Mode.KILL_BEFORE, undoing=True)
    [server] = world.create()
    world.deliver()
    found_and_healed(world, server, Kind.DEAD_OWNER)


def test_a_lost_hint(world: World) -> None:
    server = built(world)
    world.delete(server)
    world.queue.clear()
    assert list(report(world).findings) == []
    change(world, instance_actions, updated_at=now() - LONG_AGO)
    found_and_healed(world, server, Kind.IDLE_OPERATION)


def test_an_operation_that_waits_for_one_that_has_ended(world: World) -> None:
    server = built(world)
    world.delete(server)
    world.queue.clear()
    with world.journals[CELL1].database.write() as tx:
        create, delete = tx.execute(
            sa.select(instance_actions.c.id).order_by(instance_actions.c.id)
        ).scalars()
        tx.execute(
            sa.update(instance_actions)
            .where(instance_actions.c.id == delete)
            .values(blocked_by=create)
        )
    found_and_healed(world, server, Kind.BLOCKED_IN_VAIN)


def test_an_operation_that_waits_for_one_at_work_is_none(world: World, sabotage: Sabotage) -> None:
    sabotage.plan("spawn", Mode.KILL_BEFORE)
    [server] = world.create()
    world.deliver()
    world.delete(server)
    change(world, instance_actions, updated_at=now() - LONG_AGO)
    assert [f.kind for f in report(world).findings] == [Kind.DEAD_OWNER]
    world.settle()
    assert_sound(world)


def test_a_build_that_nobody_has_taken_up(world: World) -> None:
    [server] = world.create()
    world.queue.clear()
    assert list(report(world).findings) == []
    change(world, build_requests, start_time=now() - LONG_AGO)
    found_and_healed(world, server, Kind.IDLE_BUILD)


def test_a_build_of_a_dead_owner(world: World, sabotage: Sabotage) -> None:
    sabotage.plan("schedule", Mode.KILL_AFTER)
    [server] = world.create()
    world.deliver()
    found_and_healed(world, server, Kind.IDLE_BUILD)


def test_a_build_that_was_given_up_is_left_to_people(world: World) -> None:
    [server] = world.create()
    world.queue.clear()
    change(world, build_requests, state="failed")
    [found] = report(world).findings
    assert (found.kind, found.subject, found.repair) == (Kind.IDLE_BUILD, server.uuid, None)


def test_a_hand_over_that_stopped_half_way(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*_arguments: Any) -> None:
        raise Killed("between the two databases")

    with monkeypatch.context() as patched:
        patched.setattr("nova.lifecycle.hand_over.builds.hand_over", die)
        [server] = world.create()
        world.deliver()
    found_and_healed(world, server, Kind.BUILD_IN_CELL)


def test_what_moves_between_the_looks_is_no_finding(world: World) -> None:
    [server] = world.create()
    world.queue.clear()
    change(world, build_requests, start_time=now() - LONG_AGO)

    def sweep(_seconds: float) -> None:
        world.pass_time()
        world.sweep()
        world.deliver()

    auditor = make_auditor(world, sweep)
    assert [f.subject for f in auditor.look(Scope(CHECKS)).findings] == [server.uuid]
    assert list(auditor.audit(Scope(CHECKS)).findings) == []
