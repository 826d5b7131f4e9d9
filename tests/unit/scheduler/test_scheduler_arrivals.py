"""Servers count on their hosts from the moment in which they are promised, and never twice for long."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from nova.clients.placement_errors import NoRoom
from nova.db.cell import models as cell
from nova.errors import NoValidHost
from nova.scheduler.arrivals import Arrivals
from nova.scheduler.filters import IoOpsFilter, NumInstancesFilter
from nova.scheduler.host_rows import Sighting
from nova.scheduler.host_view import HostView, Load
from tests.unit.scheduler.harness import (
    CELL2,
    FakeHosts,
    RejectingPlacement,
    make_host,
    make_plant,
    make_spec,
    server_uuids,
    uuid_of,
)
from tests.unit.scheduler.world import World

#: Two of one cell, so that builds have an alternate, and one of another.
HOSTS = {
    "a": make_host("a"),
    "alternate": make_host("alternate"),
    "b": make_host("b", cell_uuid=CELL2),
}
servers = st.sampled_from([f"s{number}" for number in range(5)])


class Bookkeeping(RuleBasedStateMachine):
    """Builds are promised a host, lose it, get to their cell, go on to an alternate, and are counted now and then."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0
        self.arrivals = Arrivals(longest_s=60.0)
        #: Where servers are to go, and where those are that are in a cell.
        self.promised: dict[str, str] = {}
        self.rows: dict[str, str] = {}
        #: What the cells do by themselves is not known before they are counted.
        self.unheard: set[str] = set()
        self.counts = dict.fromkeys(HOSTS, 0)

    def seen(self, host: str) -> int:
        return self.counts[host] + self.arrivals.on(HOSTS[host].node_uuid)

    def true(self, host: str) -> int:
        places = {**self.promised, **self.rows}
        return sum(place == host for server, place in places.items() if server not in self.unheard)

    @rule(server=servers, host=st.sampled_from(["a", "b"]))
    def promise(self, server: str, host: str) -> None:
        """Asked for once more, the last answer counts."""
        if server not in self.rows:
            self.arrivals.add(server, HOSTS[host], now_s=self.now_s)
            self.promised[server] = host

    @rule(server=servers)
    def lose(self, server: str) -> None:
        if server not in self.rows:
            self.arrivals.remove(server)
            self.promised.pop(server, None)

    @rule(server=servers)
    def hand_over(self, server: str) -> None:
        if server in self.promised:
            self.rows.setdefault(server, self.promised[server])

    @rule(server=servers)
    def take_the_alternate(self, server: str) -> None:
        if self.rows.get(server) == "a":
            self.rows[server] = "alternate"
            self.unheard.add(server)

    @rule(late=st.none() | servers)
    def count(self, late: str | None) -> None:
        """Perhaps a server comes between the two questions."""
        self.now_s += 1
        asked, told = self.arrivals.servers(), dict(self.rows)
        if late is not None:
            self.hand_over(late)
        rows = list(self.rows.values())
        self.counts = {host: rows.count(host) for host in HOSTS}
        self.unheard.clear()
        for cell_uuid in {view.cell_uuid for view in HOSTS.values()}:
            sightings = {
                server: Sighting((host, host), is_under_way=False)
                for server, host in told.items()
                if server in asked and HOSTS[host].cell_uuid == cell_uuid
            }
            self.arrivals.settle(cell_uuid, asked, sightings, asked_at_s=self.now_s)
        for host in HOSTS:
            twice = late is not None and late not in told and self.rows.get(late) == host
            assert self.seen(host) == self.true(host) + twice

    @invariant()
    def every_server_counts_where_it_was_sent(self) -> None:
        assert all(self.seen(host) >= self.true(host) for host in HOSTS)


Bookkeeping.TestCase.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
TestBookkeeping = Bookkeeping.TestCase


# The table


def load_of(world: World, host: str) -> Load:
    """By every way to ask for it."""
    load: Load = world.find(*{"a", "b", host}).hosts[uuid_of(host)].load
    assert world.find(host).hosts[uuid_of(host)].load == load
    [named] = world.table.nodes_of(host, None)
    assert named.load == load
    return load


def view_of(world: World, host: str) -> HostView:
    view: HostView = world.find("a", "b").hosts[uuid_of(host)]
    return view


def change_server(world: World, number: int, **values: object) -> None:
    own = cell.instances
    with world.cells["cell1"].write() as tx:
        tx.execute(sa.update(own).where(own.c.uuid == uuid_of(f"s{number}")).values(**values))


def test_a_server_counts_at_once_and_once(world: World) -> None:
    a = view_of(world, "a")
    assert world.table.expect(uuid_of("s1"), a) == Load(0, 0)
    assert world.table.expect(uuid_of("s2"), a) == Load(1, 1)
    assert (load_of(world, "a"), load_of(world, "b")) == (Load(2, 2), Load(0, 0))
    # Rows are read again, but counts are not.
    world.elapsed_s = 3
    assert load_of(world, "a") == Load(2, 2)
    world.add_server("cell1", "a", 1, vm_state="building")
    world.elapsed_s = 4.9
    assert load_of(world, "a") == Load(2, 2)
    world.elapsed_s = 6
    assert load_of(world, "a") == Load(2, 2)
    world.add_server("cell1", "a", 2)
    world.elapsed_s = 12
    assert load_of(world, "a") == Load(2, 1)
    assert world.table._arrivals.servers() == ()


def test_answers_that_are_kept_are_changed_and_not_made_anew(world: World) -> None:
    known = world.find("a", "b")
    world.table.expect("s", view_of(world, "a"))
    assert world.find("a", "b") is known
    assert known.changed == [uuid_of("a")]
    world.table.expect_no_more(["s", "unknown"])
    assert known.changed == [uuid_of("a")] * 2
    assert load_of(world, "a") == Load(0, 0)


def test_who_is_sent_elsewhere_counts_there_alone(world: World) -> None:
    world.table.expect("s", view_of(world, "a"))
    world.table.expect("s", view_of(world, "b"))
    assert (load_of(world, "a"), load_of(world, "b")) == (Load(0, 0), Load(1, 1))


def test_a_deleted_server_counts_no_more(world: World) -> None:
    world.find("a")
    world.table.expect(uuid_of("s1"), view_of(world, "a"))
    world.add_server("cell1", "a", 1, vm_state="deleted", deleted=1)
    world.elapsed_s = 6
    assert load_of(world, "a") == Load(0, 0)


def test_who_never_comes_counts_for_a_minute(world: World) -> None:
    world.table.expect("s", view_of(world, "a"))
    world.elapsed_s = 59
    assert load_of(world, "a") == Load(1, 1)
    world.elapsed_s = 65
    assert load_of(world, "a") == Load(0, 0)


@pytest.mark.parametrize("arrives", [True, False])
def test_a_move_counts_at_its_destination_until_it_has_ended(world: World, arrives: bool) -> None:
    world.start_compute("cell1", "c")
    world.add_server("cell1", "a", 1)
    c = world.find("a", "b", "c").hosts[uuid_of("c")]
    change_server(world, 1, task_state="resize_prep")
    world.table.expect(uuid_of("s1"), c)
    for world.elapsed_s in (6, 100):
        assert (load_of(world, "a"), load_of(world, "c")) == (Load(1, 1), Load(1, 1))
    if arrives:
        change_server(world, 1, host="c", node="c", task_state="resize_finish")
    else:
        change_server(world, 1, task_state=None)
    world.elapsed_s = 106
    assert (load_of(world, "a"), load_of(world, "c")) == (
        (Load(0, 0), Load(1, 1)) if arrives else (Load(1, 0), Load(0, 0))
    )


def test_counts_that_make_a_request_fail_are_read_again(world: World) -> None:
    world.table.expect(uuid_of("s1"), view_of(world, "a"))
    world.add_server("cell1", "a", 1)
    world.elapsed_s = 0.5
    world.table.doubt_counts(not_before=world.table.moment())
    # Only with rows that are old enough.
    assert load_of(world, "a") == Load(1, 1)
    found = world.find("a", "b", not_before=world.table.moment())
    assert found.hosts[uuid_of("a")].load == Load(1, 0)


def test_nothing_is_noted_when_nobody_wants_to_know(world: World) -> None:
    world.table = world.new_table(with_counts=False)
    assert world.table.expect("s", view_of(world, "a")) == Load(0, 0)
    assert load_of(world, "a") == Load(0, 0)
    assert world.table._arrivals.servers() == ()


# The selector


def test_servers_of_separate_requests_keep_to_the_limit() -> None:
    views = [make_host(name) for name in "abcd"]
    plant = make_plant(*views, slots=16, filters=[NumInstancesFilter(limit=2)])
    placed = []
    for number in range(8):
        [answer] = plant.selector.select(
            plant.placement, make_spec(), [f"s{number}"], alternates=0, seed=number
        ).servers
        placed.append(answer.chosen.host)
    assert sorted(placed) == sorted("aabbccdd")
    with pytest.raises(NoValidHost):
        plant.selector.select(plant.placement, make_spec(), ["s9"], alternates=0, seed=0)


def test_who_asks_again_does_not_count_against_itself() -> None:
    plant = make_plant(make_host("a"), slots=1, filters=[NumInstancesFilter(limit=1)])
    assert plant.hosts_of() == plant.hosts_of() == ["a"]
    assert plant.hosts.arrivals == {server_uuids(1)[0]: uuid_of("a")}


def test_a_lost_claim_does_not_count() -> None:
    plant = make_plant(make_host("a"), make_host("b"))
    plant.placement.faults = [NoRoom("faster")]
    [chosen] = plant.hosts_of()
    assert list(plant.hosts.arrivals.values()) == [uuid_of(chosen)]
    plant = make_plant(make_host("a"), make_host("b"), placement=RejectingPlacement)
    with pytest.raises(NoValidHost):
        plant.select()
    assert plant.hosts.arrivals == {}


def test_servers_of_a_request_that_fails_do_not_count() -> None:
    plant = make_plant(make_host("a"), filters=[IoOpsFilter(limit=2)])
    with pytest.raises(NoValidHost):
        plant.select(count=3)
    assert plant.hosts.arrivals == {}


def test_a_host_that_another_thread_has_filled_meanwhile_is_not_chosen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    views = [make_host("a"), make_host("b", num_io_ops=1)]
    plant = make_plant(*views, filters=[NumInstancesFilter(limit=1)])
    note = FakeHosts.expect

    def be_second(hosts: FakeHosts, server: str, host: HostView) -> Load:
        if host.host == "a":
            note(hosts, "other", host)
        return note(hosts, server, host)

    monkeypatch.setattr(FakeHosts, "expect", be_second)
    assert plant.hosts_of() == ["b"]
    assert plant.hosts.arrivals == {"other": uuid_of("a"), server_uuids(1)[0]: uuid_of("b")}
    assert plant.placement.claims == [(server_uuids(1)[0], uuid_of("b"))]
