"""Failed builds are counted against their node, once each, whatever happens to those who report them."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from nova.db.cell import compute_nodes
from nova.db.cell.models import compute_nodes as table
from nova.virt.driver import NodeFacts
from tests.harness.databases import CELL1
from tests.harness.sabotage import Mode, Sabotage
from tests.harness.soundness import assert_sound
from tests.harness.world import World


@pytest.fixture
def sabotage() -> Sabotage:
    return Sabotage()


@pytest.fixture
def world(tmp_path: Path, sabotage: Sabotage) -> World:
    made = World(tmp_path, sabotage)
    with made.journals[CELL1].database.write() as tx:
        for host in ("host1", "host2"):
            facts = NodeFacts("model", 1, host, "127.0.0.1", {}, 4, 4096, 100)
            compute_nodes.report(tx, host, facts)
    return made


def failed_builds(world: World) -> dict[str, int]:
    with world.journals[CELL1].database.read() as tx:
        found = tx.execute(sa.select(table.c.host, table.c.failed_builds))
        return {row.host: row.failed_builds or 0 for row in found}


@pytest.mark.parametrize("mode", [Mode.FAIL_BEFORE, Mode.FAIL_AFTER])
def test_a_failed_build_counts_against_the_host_that_gave_it_up(
    world: World, sabotage: Sabotage, mode: Mode
) -> None:
    """The alternate, on which it succeeds, is not blamed; failures in a row add up until one succeeds."""
    for times in (1, 2, 3):
        sabotage.plan("spawn", mode)
        world.create()
        world.settle()
        assert failed_builds(world) == {"host1": times, "host2": 0}
    world.create()
    world.settle()
    assert failed_builds(world) == {"host1": 0, "host2": 0}
    assert_sound(world)


def test_a_build_that_fails_everywhere_counts_against_each_host_once(
    world: World, sabotage: Sabotage
) -> None:
    sabotage.plan("spawn", Mode.FAIL_BEFORE, times=9)
    world.create()
    world.settle()
    assert failed_builds(world) == {"host1": 1, "host2": 1}
    assert_sound(world)


@pytest.mark.parametrize("mode", [Mode.FAIL_BEFORE, Mode.TWICE, Mode.KILL_BEFORE, Mode.KILL_AFTER])
@pytest.mark.parametrize("undone", ["spawn", "occupy_host"])
def test_undoing_a_failed_build_twice_counts_it_once(
    world: World, sabotage: Sabotage, undone: str, mode: Mode
) -> None:
    sabotage.plan("spawn", Mode.FAIL_AFTER)
    sabotage.plan(undone, mode, undoing=True)
    world.create()
    world.settle()
    assert failed_builds(world) == {"host1": 1, "host2": 0}
    assert_sound(world)


def test_a_host_that_goes_down_while_it_builds_is_not_blamed(
    world: World, sabotage: Sabotage
) -> None:
    sabotage.plan("spawn", Mode.KILL_BEFORE)
    world.create()
    world.deliver()
    world.census.down_hosts.add("host1")
    world.settle()
    assert failed_builds(world) == {"host1": 0, "host2": 0}
    assert_sound(world)


def test_a_build_that_fails_because_its_server_was_deleted_blames_nobody(world: World) -> None:
    [server] = world.create()

    def spawn_while_deleted(guest: object) -> None:
        world.delete(server)
        raise RuntimeError("the guest was taken away")

    world.hosts["host1"][1].spawn = spawn_while_deleted  # type: ignore[method-assign]
    world.settle()
    assert world.find(server) is None
    assert failed_builds(world) == {"host1": 0, "host2": 0}
    assert_sound(world)
