"""Server groups on the harness: whoever decides meanwhile, whatever fails, no two members break the policy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa

from groundwork.context import RequestContext
from groundwork.errors import Invalid, OverQuota
from nova.db.api import models, server_groups
from nova.db.api.server_groups import Group
from nova.domain.request_spec import RequestSpec
from nova.domain.selection import ServerSelection
from nova.domain.server import Server
from nova.domain.server_group import GroupPolicy
from nova.errors import NoValidHost
from tests.harness.claims import Chooser
from tests.harness.sabotage import Mode, Sabotage
from tests.harness.soundness import assert_sound
from tests.harness.world import World


@dataclass
class GroupChooser(Chooser):
    """A scheduler that obeys the group; ``meanwhile`` happens after it has chosen, before its answer arrives."""

    meanwhile: Callable[[], None] = lambda: None
    obeys: bool = True

    def select(
        self, context: RequestContext, spec: RequestSpec, servers: Sequence[str]
    ) -> Sequence[ServerSelection]:
        found = []
        group = spec.group
        for uuid in servers:
            fitting = [
                o for o in self.offers if not (self.obeys and group and group.refuses(o.host))
            ]
            if not fitting:
                for placed in found:
                    self.claims.delete_allocation(placed.server_uuid)
                raise NoValidHost("No valid host was found.", hosts=len(self.offers))
            all_offers, self.offers = self.offers, fitting
            found.append(self._one(uuid, spec))
            self.offers = all_offers
            group = group and group.with_member(found[-1].chosen.host)
        meanwhile, self.meanwhile = self.meanwhile, lambda: None
        meanwhile()
        return found


@pytest.fixture
def sabotage() -> Sabotage:
    return Sabotage()


@pytest.fixture
def world(tmp_path: Path, sabotage: Sabotage) -> World:
    found = World(tmp_path, sabotage)
    offers = [found.offer(host) for host in ("host1", "host2", "host3")]
    found.chooser = GroupChooser(found.claims, offers)
    return found


def make_group(world: World, policy: str = "anti-affinity", most: int | None = None) -> Group:
    return world.api.run(
        lambda tx: server_groups.create(
            tx,
            project_id="p",
            user_id="u",
            name="g",
            policy=GroupPolicy(policy),
            max_server_per_host=most,
        )
    )


def create(world: World, group: Group, count: int = 1) -> Sequence[Server]:
    return world.create(count, group=group.without_members())


def host_of(world: World, server: Server) -> str | None:
    located = world.find(server)
    assert located is not None
    return located.server.host


def places(world: World) -> dict[str, str | None]:
    with world.api.read() as tx:
        return {
            row.server_uuid: row.host for row in tx.execute(sa.select(models.server_group_members))
        }


def test_members_are_placed_one_by_one_and_together(world: World) -> None:
    group = make_group(world)
    [first] = create(world, group)
    world.settle()
    more = create(world, group, 2)
    world.settle()
    hosts = {server.uuid: host_of(world, server) for server in [first, *more]}
    assert sorted(map(str, hosts.values())) == ["host1", "host2", "host3"]
    assert places(world) == hosts
    assert_sound(world)


def test_a_lost_race_undoes_the_claim_and_decides_anew(world: World) -> None:
    """Affinity and anti-affinity hold under concurrent boots over cells"""
    group = make_group(world)
    [loser] = create(world, group)
    [winner] = create(world, group)
    # The first one's worker has its answer (host1) on the way while the second one is decided.
    [first, second] = [world.queue.popleft(), world.queue.popleft()]
    world.chooser.meanwhile = lambda: world.work(*second)  # type: ignore[attr-defined]
    world.work(*first)
    world.settle()
    assert (host_of(world, winner), host_of(world, loser)) == ("host1", "host2")
    assert_sound(world)


def test_affinity_holds_in_a_race_too(world: World) -> None:
    group = make_group(world, "affinity")
    [loser] = create(world, group)
    [winner] = create(world, group)
    [first, second] = [world.queue.popleft(), world.queue.popleft()]
    offers = world.chooser.offers

    def win_elsewhere() -> None:
        world.chooser.offers = offers[1:]
        world.work(*second)
        world.chooser.offers = offers

    world.chooser.meanwhile = win_elsewhere  # type: ignore[attr-defined]
    world.work(*first)
    world.settle()
    assert host_of(world, winner) == host_of(world, loser) == "host2"
    assert_sound(world)


def test_a_decision_against_the_policy_is_a_refusal(world: World) -> None:
    group = make_group(world)
    create(world, group)
    world.settle()
    world.chooser.obeys = False  # type: ignore[attr-defined]
    [server] = create(world, group)
    world.settle()
    located = world.find(server)
    assert located is not None
    assert located.server.vm_state == "error"
    assert located.row.fault is not None
    assert "anti-affinity policy" in located.row.fault.message
    assert_sound(world)


@pytest.mark.parametrize("mode", [Mode.TWICE, Mode.KILL_BEFORE, Mode.KILL_AFTER])
def test_a_member_holds_one_place_however_often_it_is_decided(
    world: World, sabotage: Sabotage, mode: Mode
) -> None:
    group = make_group(world)
    sabotage.plan("schedule", mode)
    [first] = create(world, group)
    world.settle()
    [second] = create(world, group)
    world.settle()
    assert places(world) == {first.uuid: "host1", second.uuid: "host2"}
    assert_sound(world)


def test_a_worker_thought_dead_reserves_nothing(world: World) -> None:
    group = make_group(world)
    [server] = create(world, group)
    hint = world.queue.popleft()

    def take_over() -> None:
        # The sweeper frees what the worker has, and another worker goes on from there.
        [(incarnation, _)] = world.workers.values()
        world.census.dead.add(incarnation)
        world.sweep()
        world.workers.clear()
        world.chooser.offers = world.chooser.offers[1:]
        world.settle()

    world.chooser.meanwhile = take_over  # type: ignore[attr-defined]
    world.work(*hint)
    world.settle()
    assert host_of(world, server) == "host2"
    assert places(world) == {server.uuid: "host2"}


@pytest.mark.parametrize("policy", ["anti-affinity", "affinity"])
def test_members_of_strict_groups_get_no_alternates(
    world: World, sabotage: Sabotage, policy: str
) -> None:
    sabotage.plan("spawn", Mode.FAIL_BEFORE)
    group = make_group(world, policy)
    [server] = create(world, group)
    world.settle()
    located = world.find(server)
    assert located is not None
    assert (located.server.vm_state, located.server.host) == ("error", None)
    # The place of a build that failed in its cell is free again though nobody told the API database.
    assert places(world) == {server.uuid: "host1"}
    [other] = create(world, group)
    world.settle()
    assert host_of(world, other) == "host1"


def test_members_of_soft_groups_take_alternates_and_count_where_they_end(
    world: World, sabotage: Sabotage
) -> None:
    sabotage.plan("spawn", Mode.FAIL_BEFORE)
    group = make_group(world, "soft-affinity")
    [server] = create(world, group)
    world.settle()
    assert host_of(world, server) == "host2"
    seen = []
    select = world.chooser.select

    def look(context: RequestContext, spec: RequestSpec, servers: Sequence[str]):  # type: ignore[no-untyped-def]
        assert spec.group is not None
        seen.append(dict(spec.group.hosts))
        return select(context, spec, servers)

    world.chooser.select = look  # type: ignore[method-assign]
    create(world, group)
    world.settle()
    assert seen == [{"host2": 1}]


def test_undone_build_gives_its_place_up(world: World, sabotage: Sabotage) -> None:
    sabotage.plan("schedule", Mode.FAIL_AFTER)
    group = make_group(world)
    [server] = create(world, group)
    world.settle()
    assert places(world) == {server.uuid: None}
    [other] = create(world, group)
    world.settle()
    assert host_of(world, other) == "host1"
    assert_sound(world)


def test_cancelled_build_is_no_member_any_more(world: World) -> None:
    group = make_group(world)
    [server] = create(world, group)
    hint = world.queue.popleft()
    world.chooser.meanwhile = lambda: world.delete(server)  # type: ignore[attr-defined]
    world.work(*hint)
    world.settle()
    assert places(world) == {}
    assert_sound(world)


def test_deleted_member_keeps_others_away_until_its_cell_has_let_it_go(world: World) -> None:
    group = make_group(world)
    [first] = create(world, group)
    world.settle()
    world.delete(first)
    held_back = list(world.queue)
    world.queue.clear()
    [second] = create(world, group)
    world.deliver()
    assert host_of(world, second) == "host2"
    world.queue.extend(held_back)
    world.settle()
    [third] = create(world, group)
    world.settle()
    assert host_of(world, third) == "host1"
    assert set(places(world)) == {second.uuid, third.uuid}
    assert_sound(world)


def test_a_silent_cell_keeps_what_was_reserved(world: World) -> None:
    group = make_group(world)
    [first] = create(world, group)
    world.settle()
    assert host_of(world, first) == "host1"
    with world.api.write() as tx:
        tx.execute(
            sa.update(models.cell_mappings)
            .where(models.cell_mappings.c.name == "cell1")
            .values(database_connection="sqlite:////nowhere/lost.db")
        )
    world.registry.forget()
    world.chooser.offers = [world.offer("host1"), world.offer("host3")]
    [second] = create(world, group)
    world.settle()
    assert places(world) == {first.uuid: "host1", second.uuid: "host3"}


def test_deleted_group_binds_nobody(world: World) -> None:
    group = make_group(world)
    [first] = create(world, group)
    [second] = create(world, group)
    world.api.run(lambda tx: server_groups.delete(tx, group.uuid))
    world.settle()
    assert host_of(world, first) == host_of(world, second) == "host1"
    with pytest.raises(Invalid, match=group.uuid):
        create(world, group)
    assert places(world) == {}


def test_limit_of_members_is_for_living_ones(world: World) -> None:
    group = make_group(world, "soft-affinity")
    servers = create(world, group, 10)
    with pytest.raises(OverQuota, match="too many servers in group"):
        create(world, group)
    world.settle()
    world.delete(servers[0])
    create(world, group)
    with world.api.read() as tx:
        assert server_groups.count_members(tx, group.id, "u") == 10
