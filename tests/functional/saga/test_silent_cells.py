"""Builds whose cell does not answer when they are to be handed over to it.

As it was seen: a cell died, and of ten creates that came then one had been scheduled into it a moment before. It asked
that cell again and again, in BUILD, while another cell had room; deleted, it kept its claim until the cell was back.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import sqlalchemy as sa
from oslo_db import exception as db_exc

from groundwork.database import Database, Transaction
from groundwork.errors import Unavailable
from nova.db.api import models, server_groups
from nova.domain.server import Server
from nova.domain.server_group import GroupPolicy
from nova.lifecycle import create
from nova.saga.journal import Journal
from nova.saga.store import CellStore
from tests.harness import readings
from tests.harness.databases import CELL1, CELL2
from tests.harness.messaging import Hints
from tests.harness.sabotage import Mode, Sabotage
from tests.harness.soundness import assert_sound
from tests.harness.world import World


class Shaky(Database):
    """A database whose connections break as it is told."""

    refuses = False
    refusals = 0
    #: The next transaction breaks when it has done its work, before it is committed.
    breaks = False
    #: The next commit succeeds, its answer gets lost, and the database is gone.
    loses_commit = False

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        if self.refuses:
            self.refusals += 1
            raise db_exc.DBConnectionError("connection refused")
        with super().write() as tx:
            if self.breaks:
                self.breaks, self.refuses = False, True
                raise db_exc.DBConnectionError("connection lost")
            yield tx
        if self.loses_commit:
            self.loses_commit, self.refuses = False, True
            raise db_exc.DBConnectionError("connection lost")


@dataclass
class Ways:
    """How cells are reached from above."""

    world: World
    #: Cells that are known not to answer.
    down: set[str] = field(default_factory=set)
    databases: dict[str, Shaky] = field(default_factory=dict)

    def journal(self, cell: str) -> Journal:
        if cell in self.down:
            raise Unavailable("Cell two does not answer.", internal="it is dead", cell=cell)
        hints = Hints(cell, self.world.queue)
        return Journal(self.database(cell), CellStore(), self.world.operations, hints)

    def database(self, cell: str) -> Shaky:
        known = self.world.journals[cell].database
        return self.databases.setdefault(cell, Shaky(known.url))

    def repair(self) -> None:
        self.down.clear()
        for database in self.databases.values():
            database.refuses = False


@pytest.fixture
def sabotage() -> Sabotage:
    return Sabotage()


@pytest.fixture
def world(tmp_path: Path, sabotage: Sabotage) -> World:
    """The scheduler knows nothing of dead cells, and likes the host of the second one best."""
    made = World(tmp_path, sabotage)
    made.chooser.offers = [made.offer(host) for host in ("host3", "host1", "host2")]
    return made


@pytest.fixture
def ways(world: World) -> Ways:
    made = Ways(world)
    world.journal_from_above = made.journal
    return made


def turns(world: World, count: int = 5) -> None:
    """Some time passes."""
    for _ in range(count):
        world.deliver()
        world.pass_time()
        world.sweep()
    world.deliver()


def placed(world: World, server: Server) -> tuple[str, str, str | None]:
    """vm_state, cell and host of a server that is in a cell."""
    located = world.find(server)
    assert located is not None
    assert located.cell is not None
    return located.server.vm_state, located.cell.uuid, located.server.host


def fault(world: World, server: Server) -> str:
    """Why a build was given up; nothing is held for it, and it is in cell0."""
    located = world.find(server)
    assert located is not None
    assert located.cell is not None
    assert located.cell.is_cell0
    assert located.server.vm_state == "error"
    assert located.row.fault is not None
    assert world.claims.held == {}
    return located.row.fault.message


@pytest.mark.parametrize("how", ["known to be down", "refuses", "breaks"])
def test_a_build_for_a_dead_cell_goes_to_another_one(world: World, ways: Ways, how: str) -> None:
    if how == "known to be down":
        ways.down.add(CELL2)
    elif how == "refuses":
        ways.database(CELL2).refuses = True
    else:
        ways.database(CELL2).breaks = True
    [server] = world.create()
    world.deliver()
    assert placed(world, server) == ("active", CELL1, "host1")
    assert [*world.claims.held[server.uuid].resources] == ["provider-host1"]
    assert readings.events(world, server) == [
        ("conductor_schedule", "Success"),
        ("conductor_hand_over", "Error"),
        ("conductor_undo_schedule", "Success"),
        ("conductor_schedule", "Success"),
        ("conductor_hand_over", "Success"),
        ("compute_spawn", "Success"),
    ]
    if how == "refuses":
        assert ways.database(CELL2).refusals == 1
    ways.repair()
    world.settle()
    assert_sound(world)


@pytest.mark.parametrize("mode", [*Mode])
def test_going_back_survives(world: World, ways: Ways, sabotage: Sabotage, mode: Mode) -> None:
    ways.down.add(CELL2)
    sabotage.plan("schedule", mode, undoing=True)
    [server] = world.create()
    world.settle()
    assert placed(world, server) == ("active", CELL1, "host1")
    assert sabotage.seen["schedule", True] == (1 if mode is Mode.TWICE else 2)
    assert_sound(world)


def test_servers_of_one_request_go_to_another_cell(world: World, ways: Ways) -> None:
    ways.down.add(CELL2)
    servers = world.create(3)
    world.settle()
    for server in servers:
        assert placed(world, server) == ("active", CELL1, "host1")
    assert_sound(world)


def test_the_place_in_a_server_group_is_given_up(world: World, ways: Ways) -> None:
    group = world.api.run(
        lambda tx: server_groups.create(
            tx,
            project_id="p",
            user_id="u",
            name="g",
            policy=GroupPolicy.ANTI_AFFINITY,
            max_server_per_host=None,
        )
    )
    ways.down.add(CELL2)
    [server] = world.create(group=group.without_members())
    world.settle()
    assert placed(world, server) == ("active", CELL1, "host1")
    with world.api.read() as tx:
        [member] = tx.execute(sa.select(models.server_group_members)).all()
    assert (member.server_uuid, member.host) == (server.uuid, "host1")
    assert_sound(world)


def test_a_build_that_fits_nowhere_else_is_buried(world: World, ways: Ways) -> None:
    world.chooser.offers = [world.offer("host3")]
    ways.down.add(CELL2)
    [server] = world.create()
    world.settle()
    assert fault(world, server) == "No valid host was found."
    assert_sound(world)


def test_a_forced_host_in_a_dead_cell_is_refused(world: World, ways: Ways) -> None:
    ways.down.add(CELL2)
    [server] = world.create(forced_host="host3")
    world.settle()
    assert fault(world, server) == "Cell two does not answer."
    assert_sound(world)


def test_going_round_has_an_end(world: World, ways: Ways, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(create, "_SILENT_CELLS", 1)
    ways.down |= {CELL1, CELL2}
    [server] = world.create()
    world.settle()
    assert fault(world, server) == "Cell two does not answer."
    assert_sound(world)


@pytest.mark.parametrize("mode", [Mode.KILL_BEFORE, Mode.KILL_AFTER])
def test_a_build_that_goes_back_can_be_deleted(
    world: World, ways: Ways, sabotage: Sabotage, mode: Mode
) -> None:
    ways.down.add(CELL2)
    sabotage.plan("schedule", mode, undoing=True)
    [server] = world.create()
    world.deliver()
    world.delete(server)
    world.settle()
    assert world.find(server) is None
    assert world.claims.held == {}
    assert sabotage.seen["schedule", False] == 1
    assert_sound(world)


def test_a_build_deleted_while_it_finds_its_cell_dead_holds_nothing(
    world: World, ways: Ways
) -> None:
    ways.down.add(CELL2)
    [server] = world.create()
    journal = ways.journal

    def deleted_meanwhile(cell: str) -> Journal:
        world.journal_from_above = journal
        world.delete(server)
        return journal(cell)

    world.journal_from_above = deleted_meanwhile
    world.settle()
    assert world.find(server) is None
    assert world.claims.held == {}
    assert_sound(world)


def test_a_commit_whose_answer_is_lost_keeps_the_build_in_its_cell(
    world: World, ways: Ways
) -> None:
    """The server is in the cell, though the only run of the step heard of it no more than of a refusal."""
    ways.database(CELL2).loses_commit = True
    [server] = world.create()
    turns(world)
    assert [*world.claims.held[server.uuid].resources] == ["provider-host3"]
    located = world.find(server)
    assert located is not None
    assert located.cell is None
    ways.repair()
    world.settle()
    assert placed(world, server) == ("active", CELL2, "host3")
    assert_sound(world)


@pytest.mark.parametrize("mode", [Mode.KILL_BEFORE, Mode.KILL_AFTER])
def test_after_a_run_that_nobody_has_heard_of_the_build_waits_for_its_cell(
    world: World, ways: Ways, sabotage: Sabotage, mode: Mode
) -> None:
    """A process dies, and its successor cannot tell whether it has written."""
    sabotage.plan("hand_over", mode)
    [server] = world.create()
    world.work(*world.queue.popleft())
    if mode is Mode.KILL_BEFORE:
        ways.down.add(CELL2)
        turns(world)
        assert [*world.claims.held[server.uuid].resources] == ["provider-host3"]
        assert sabotage.seen["hand_over", False] > 1
        ways.repair()
    world.settle()
    assert placed(world, server) == ("active", CELL2, "host3")
    assert_sound(world)


def test_a_process_that_dies_when_it_has_found_the_cell_dead_is_followed(
    world: World, ways: Ways, sabotage: Sabotage
) -> None:
    """It had given the claims back, and died before it could say so."""
    ways.down.add(CELL2)
    sabotage.plan("schedule", Mode.KILL_AFTER, undoing=True)
    [server] = world.create()
    world.deliver()
    assert world.claims.held == {}
    world.settle()
    assert placed(world, server) == ("active", CELL1, "host1")
    assert [*world.claims.held[server.uuid].resources] == ["provider-host1"]
    assert_sound(world)
