"""The host table over real databases: two cells, an API database, a clock in hand."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import sqlalchemy as sa

from nova.cells.scatter import Late
from nova.db.api import models as api
from nova.db.cell import compute_nodes, hardware_pins
from nova.db.cell import models as cell
from nova.domain.hardware import Hardware, PciDevice
from nova.domain.numa import PciRequest, PciSpec
from nova.scheduler.host_rows import read_nodes
from nova.scheduler.host_view import Ask, ImageOnHost
from nova.scheduler.hosts import (
    DISABLED_CELL,
    NO_SERVICE,
    SILENT_CELL,
    UNKNOWN,
    UNMAPPED,
)
from nova.scheduler.server_places import ServerPlaces
from nova.virt.driver import NodeFacts
from tests.unit.scheduler.harness import CELL1, CELL2, NOW, make_spec, uuid_of


def test_hosts_are_found_in_their_cells(world):
    found = world.find("a", "b")
    assert not found.missing
    a = found.hosts[uuid_of("a")]
    assert (a.host, a.node, a.cell_uuid, a.zone) == ("a", "a", CELL1, "nova")
    assert a.is_enabled
    assert a.last_seen_up == NOW
    assert a.cpu_info == {"arch": "x86_64"}
    assert found.hosts[uuid_of("b")].cell_uuid == CELL2


def test_only_cells_that_own_candidates_are_asked(world):
    world.find("a", "b")
    assert world.scatter.asked == [["cell1", "cell2"]]
    world.elapsed_s = 3
    world.find("a")
    world.elapsed_s = 6
    world.find("b")
    assert world.scatter.asked[1:] == [["cell1"], ["cell2"]]


def test_rows_are_kept_for_a_while(world):
    world.find("a")
    first = world.find("a").hosts[uuid_of("a")]
    assert len(world.scatter.asked) == 1
    world.elapsed_s = 3
    # Nothing has changed, so nothing is made anew.
    assert world.find("a").hosts[uuid_of("a")] is first
    assert len(world.scatter.asked) == 2


def test_the_same_is_told_until_something_is_read_anew(world):
    first = world.find("a", "b")
    world.elapsed_s = 1
    assert world.find("b", "a") is first
    # Another request has read one of the cells since.
    world.elapsed_s = 3
    world.report("cell1", "a", "a", version=2)
    world.find("a")
    again = world.find("a", "b")
    assert again.hosts[uuid_of("a")].hypervisor_version == 2
    assert again.hosts[uuid_of("b")] is first.hosts[uuid_of("b")]
    # A cell that falls silent is no reading of any row.
    world.disable_cell("cell2")
    assert world.find("a", "b").missing == {uuid_of("b"): DISABLED_CELL}


def test_a_change_is_seen_after_a_while_or_on_demand(world):
    world.find("a")
    with world.cells["cell1"].write() as tx:
        tx.execute(sa.update(cell.services).values(disabled=True))
    assert world.find("a").hosts[uuid_of("a")].is_enabled
    world.elapsed_s = 1
    moment = world.table.moment()
    assert not world.find("a", not_before=moment).hosts[uuid_of("a")].is_enabled
    asked = len(world.scatter.asked)
    # What another request has read since serves this one as well.
    world.find("a", not_before=moment)
    assert len(world.scatter.asked) == asked


def test_a_node_that_reports_something_new_is_seen(world):
    world.find("a")
    world.elapsed_s = 3
    world.report("cell1", "a", "a", version=2)
    assert world.find("a").hosts[uuid_of("a")].hypervisor_version == 2


def test_metrics_are_those_of_the_last_report(world):
    assert world.find("a").hosts[uuid_of("a")].metrics == {}
    for elapsed_s, metrics in ((3, {"cpu.percent": 12.5}), (6, {"cpu.percent": 13.0}), (9, {})):
        world.elapsed_s = elapsed_s
        world.report("cell1", "a", "a", **metrics)
        assert world.find("a").hosts[uuid_of("a")].metrics == metrics


def test_a_failed_build_is_seen_without_reading_all(world):
    """The nodes that have changed are read, and only they are made anew."""
    world.start_compute("cell1", "quiet")
    first = world.find("a", "quiet").hosts
    assert first[uuid_of("a")].failed_builds == 0
    world.elapsed_s = 8
    with world.cells["cell1"].write() as tx:
        compute_nodes.count_failed_build(tx, "a", "a", now=world.now())
        compute_nodes.count_failed_build(tx, "a", "a", now=world.now())
        assert [n.host for n in read_nodes(tx, world.now())] == ["a"]
    found = world.find("a", "quiet").hosts
    assert found[uuid_of("a")].failed_builds == 2
    assert found[uuid_of("quiet")] is first[uuid_of("quiet")]
    world.elapsed_s = 16
    with world.cells["cell1"].write() as tx:
        compute_nodes.forget_failed_builds(tx, "a", "a", now=world.now())
        assert [n.host for n in read_nodes(tx, world.now())] == ["a"]
    assert world.find("a").hosts[uuid_of("a")].failed_builds == 0


def test_what_servers_hold_is_seen_without_reading_all(world):
    """Claims and their ends are seen like reports of the node; other nodes keep their views."""
    machine = Hardware(devices=(PciDevice("0000:81:00.0", "10de", "1eb8"),))
    wanted = (PciRequest("gpu", 1, (PciSpec("10de"),)),)
    for name in ("gpus", "others"):
        world.start_compute("cell1", name)
        facts = NodeFacts("fake", 1, name, "127.0.0.1", {}, 8, 1024, 10, hardware=machine)
        with world.cells["cell1"].write() as tx:
            compute_nodes.report(tx, name, facts, uuid=uuid_of(name), now=world.now())
    first = world.find("a", "gpus", "others").hosts
    assert first[uuid_of("a")].hardware is None
    assert first[uuid_of("gpus")].hardware.free_devices == 1
    world.elapsed_s = 8
    with world.cells["cell1"].write() as tx:
        holder = hardware_pins.Holder("server", "gpus", "gpus")
        hardware_pins.claim(tx, holder, machine, None, wanted, now=world.now())
    found = world.find("gpus", "others").hosts
    assert found[uuid_of("gpus")].hardware.free_devices == 0
    assert found[uuid_of("others")] is first[uuid_of("others")]
    world.elapsed_s = 16
    with world.cells["cell1"].write() as tx:
        hardware_pins.release(tx, "server", now=world.now())
    assert world.find("gpus").hosts[uuid_of("gpus")].hardware.free_devices == 1


def test_a_device_is_not_promised_twice_before_its_cell_knows(world):
    machine = Hardware(devices=(PciDevice("0000:81:00.0", "10de", "1eb8"),))
    wanted = (PciRequest("gpu", 1, (PciSpec("10de"),)),)
    facts = NodeFacts("fake", 1, "a", "127.0.0.1", {}, 8, 1024, 10, hardware=machine)
    with world.cells["cell1"].write() as tx:
        compute_nodes.report(tx, "a", facts, uuid=uuid_of("a"), now=world.now())
    host = world.find("a").hosts[uuid_of("a")]
    world.table.promised(host, Ask(make_spec(), world.now()))
    assert world.find("a").hosts[uuid_of("a")] is host
    world.table.promised(host, Ask(make_spec(pci_requests=wanted), world.now()))
    assert world.find("a").hosts[uuid_of("a")].hardware.free_devices == 0
    # The build came to nothing: rows tell that the device is free.
    world.elapsed_s = 8
    assert world.find("a").hosts[uuid_of("a")].hardware.free_devices == 1


def test_a_new_host_is_seen_at_once_when_a_request_would_fail(world):
    world.find("a")
    world.start_compute("cell2", "new")
    assert world.find("new").missing == {uuid_of("new"): UNKNOWN}
    world.elapsed_s = 0.5
    assert world.find("new", not_before=world.table.moment()).hosts


def test_a_new_host_is_seen_without_failure_when_rows_have_aged(world):
    world.find("a")
    world.elapsed_s = 1
    world.start_compute("cell2", "new")
    world.find("a", "new")
    world.elapsed_s = 3
    assert world.find("a", "new").hosts.keys() == {uuid_of("a"), uuid_of("new")}


def test_a_provider_that_no_cell_has_is_looked_for_once(world):
    world.find("pool")
    asked = len(world.scatter.asked)
    world.elapsed_s = 10
    assert world.find("pool").missing == {uuid_of("pool"): UNKNOWN}
    assert len(world.scatter.asked) == asked


def test_an_unmapped_host_is_no_host_until_it_is_mapped(world):
    world.start_compute("cell1", "new", mapped=False)
    assert world.find("new").missing == {uuid_of("new"): UNMAPPED}
    world.map("cell1", "new")
    world.elapsed_s = 3
    assert not world.find("new").missing


def test_a_host_that_is_mapped_to_another_cell_is_no_host(world):
    world.start_compute("cell1", "new", mapped=False)
    world.map("cell2", "new")
    assert world.find("new").missing == {uuid_of("new"): UNMAPPED}


def test_a_disabled_cell_has_no_hosts_and_is_not_asked(world):
    world.find("a", "b")
    world.disable_cell("cell2")
    world.elapsed_s = 3
    found = world.find("a", "b")
    assert found.missing == {uuid_of("b"): DISABLED_CELL}
    assert world.scatter.asked[-1] == ["cell1"]
    assert world.table.count() == 1
    world.disable_cell("cell2", False)
    assert not world.find("a", "b").missing


def test_a_node_without_compute_service_is_no_host(world):
    with world.cells["cell1"].write() as tx:
        tx.execute(sa.delete(cell.services))
    assert world.find("a").missing == {uuid_of("a"): NO_SERVICE}


def test_a_cell_that_does_not_answer_costs_only_its_own_hosts(world):
    world.find("a", "b")
    with world.cells["cell2"].write() as tx:
        tx.execute(sa.text("ALTER TABLE services RENAME TO gone"))
    world.elapsed_s = 3
    assert world.find("a", "b").missing == {uuid_of("b"): SILENT_CELL}
    asked = len(world.scatter.asked)
    world.elapsed_s = 4
    world.find("b")
    assert len(world.scatter.asked) == asked
    with world.cells["cell2"].write() as tx:
        tx.execute(sa.text("ALTER TABLE gone RENAME TO services"))
    # It says at once that it cannot answer, so it is asked again when rows are read anyway.
    world.elapsed_s = 6
    assert not world.find("a", "b").missing


def test_a_request_that_would_fail_asks_a_cell_again_that_did_not_answer(world):
    world.find("a", "b")
    with world.cells["cell2"].write() as tx:
        tx.execute(sa.text("ALTER TABLE services RENAME TO gone"))
    world.elapsed_s = 3
    assert world.find("b").missing == {uuid_of("b"): SILENT_CELL}
    with world.cells["cell2"].write() as tx:
        tx.execute(sa.text("ALTER TABLE gone RENAME TO services"))
    world.elapsed_s = 3.5
    assert world.find("b").missing == {uuid_of("b"): SILENT_CELL}
    assert not world.find("b", not_before=world.table.moment()).missing


def test_a_cell_that_was_late_is_left_alone_for_longer(world, monkeypatch):
    world.find("a", "b")
    ask = type(world.scatter).ask

    def cell2_is_late(self, cells, query, **options):
        return {c: Late(c) if c.name == "cell2" else ask(self, [c], query)[c] for c in cells}

    with monkeypatch.context() as patched:
        patched.setattr(type(world.scatter), "ask", cell2_is_late)
        world.elapsed_s = 3
        assert world.find("a", "b").missing == {uuid_of("b"): SILENT_CELL}
    for elapsed_s in (6, 12):
        world.elapsed_s = elapsed_s
        now = world.table.moment()
        assert world.find("a", "b", not_before=now).missing == {uuid_of("b"): SILENT_CELL}
    world.elapsed_s = 14
    assert not world.find("a", "b").missing


def test_zone_comes_from_the_aggregates(world):
    world.find("a")
    world.put_in_zone("a", "east")
    world.elapsed_s = 3
    found = world.find("a", "b").hosts
    assert found[uuid_of("a")].zone == "east"
    assert found[uuid_of("a")].aggregate_values("availability_zone") == {"east"}
    assert found[uuid_of("b")].zone == "nova"


def test_servers_are_counted_in_one_query_and_only_on_demand(world):
    world.add_server("cell1", "a", 1)
    world.add_server("cell1", "a", 2, vm_state="building")
    world.add_server("cell1", "a", 3, task_state="resize_prep")
    world.add_server("cell1", "a", 4, vm_state="deleted", deleted=4)
    a = world.find("a").hosts[uuid_of("a")]
    assert (a.num_instances, a.num_io_ops) == (3, 2)
    world.table = world.new_table(with_counts=False)
    a = world.find("a").hosts[uuid_of("a")]
    assert (a.num_instances, a.num_io_ops) == (0, 0)


def test_counts_are_read_less_often_than_services(world):
    world.find("a")
    world.add_server("cell1", "a", 1)
    world.elapsed_s = 3
    assert world.find("a").hosts[uuid_of("a")].num_instances == 0
    world.elapsed_s = 6
    assert world.find("a").hosts[uuid_of("a")].num_instances == 1


def test_a_deleted_node_is_forgotten_at_the_next_full_reading(world):
    world.find("a")
    with world.cells["cell1"].write() as tx:
        compute_nodes.delete(tx, uuid_of("a"))
    world.elapsed_s = 61
    assert world.find("a").missing == {uuid_of("a"): UNKNOWN}


def test_cells_are_named_for_the_nodes_in_them_whatever_their_state(world):
    nodes = [uuid_of(name) for name in ("a", "b", "pool")]
    assert world.table.cells_of(nodes) == {uuid_of("a"): "cell1", uuid_of("b"): "cell2"}
    world.disable_cell("cell2")
    assert world.table.cells_of(nodes) == {uuid_of("a"): "cell1", uuid_of("b"): "cell2"}


def test_nodes_of_a_host_and_nodes_of_a_name(world):
    world.start_compute("cell2", "ironic", "n2", "n1")
    assert [v.node for v in world.table.nodes_of("ironic", None)] == ["n1", "n2"]
    assert [v.node for v in world.table.nodes_of("ironic", "n2")] == ["n2"]
    assert [v.host for v in world.table.nodes_of(None, "n2")] == ["ironic"]
    assert world.table.nodes_of("nobody", None) == ()
    assert world.table.count() == 3


def test_images_are_read_on_demand_and_once_for_each_image(world):
    distro = {"image_ref": "i1", "image_properties": {"os_distro": "debian"}}
    for number in range(3):
        world.add_server("cell1", "a", number, **distro)
    world.add_server("cell1", "a", 3, **distro, deleted=4)
    world.add_server("cell1", "a", 4, image_ref="", image_properties={"os_distro": "volume"})
    world.add_server("cell1", "a", 5, image_ref="i2", image_properties=None)
    world.add_server("cell2", "b", 6, **distro)
    assert world.find("a").hosts[uuid_of("a")].images == ()
    world.table = world.new_table(with_counts=False, with_images=True)
    found = world.find("a", "b").hosts
    assert found[uuid_of("a")].images == (
        ImageOnHost({"os_distro": "debian"}, 3),
        ImageOnHost({}, 1),
    )
    assert found[uuid_of("a")].num_instances == 5
    assert found[uuid_of("b")].images == (ImageOnHost({"os_distro": "debian"}, 1),)


def test_images_are_read_while_an_aggregate_wants_them(world):
    """The multiplier of an aggregate had no effect where the option was 0: no image was known."""
    world.add_server("cell1", "a", 1, image_ref="i1", image_properties={"os_distro": "debian"})
    world.table = world.new_table(image_keys={"image_props_weight_multiplier"})
    assert world.find("a").hosts[uuid_of("a")].images == ()
    world.set_metadata("windows", "image_props_weight_multiplier", "2.0")
    world.elapsed_s = 6
    found = world.find("a").hosts[uuid_of("a")]
    assert found.images == (ImageOnHost({"os_distro": "debian"}, 1),)
    world.set_metadata("windows", "image_props_weight_multiplier", None)
    world.elapsed_s = 12
    assert world.find("a").hosts[uuid_of("a")].images == ()


def test_aggregates_are_seen_after_a_while(world):
    """Changes of an aggregate are seen within seconds."""
    world.find("a")
    world.put_in_zone("a", "east")
    world.elapsed_s = 3
    assert world.find("a").hosts[uuid_of("a")].zone == "east"


def test_all_aggregates_are_known_and_read_anew_for_a_refusal(world):
    assert world.table.aggregates() == ()
    world.put_in_zone("nobody", "far")
    world.put_in_zone("a", "east")
    assert world.table.aggregates() == ()
    world.elapsed_s = 1
    # Two with one host each, one of which no cell has.
    found = world.table.aggregates(not_before=world.table.moment())
    assert [(a.uuid, a.name, dict(a.metadata)) for a in found] == [
        (uuid_of(zone), zone, {"availability_zone": zone}) for zone in ("far", "east")
    ]
    with world.api.write() as tx:
        tx.execute(sa.delete(api.aggregate_hosts))
    world.elapsed_s = 4
    assert world.table.aggregates() == found


def test_named_servers_are_looked_up_in_their_own_cells(world):
    places = ServerPlaces(api_database=world.api, registry=world.registry, scatter=world.scatter)
    for number, (name, host) in enumerate([("cell1", "a"), ("cell2", "b"), ("cell1", None)]):
        world.add_server(name, host, number)
        world.map_server(name, number)
    world.add_server("cell1", "a", 3, deleted=4)
    world.map_server("cell1", 3)
    world.map_server(None, 4)
    every = [uuid_of(f"s{number}") for number in range(6)]
    assert places.hosts_of(every) == {uuid_of("s0"): "a", uuid_of("s1"): "b"}
    world.scatter.asked.clear()
    assert places.hosts_of([uuid_of("s1")]) == {uuid_of("s1"): "b"}
    assert places.hosts_of([]) == {}
    assert places.hosts_of([uuid_of("s4"), uuid_of("s5")]) == {}
    assert [cells for cells in world.scatter.asked if cells] == [["cell2"]]


PATIENCE_S = 60.0


@contextmanager
def stopped(cell_name):
    """Readings of that cell stop until the event is set, at the end by itself; the semaphore counts them."""
    go_on, reached = threading.Event(), threading.Semaphore(0)

    def stop(connection, _cursor, statement, *_more) -> None:
        if f"{cell_name}." in str(connection.engine.url) and "FROM compute_nodes" in statement:
            reached.release()
            go_on.wait(PATIENCE_S)

    sa.event.listen(sa.Engine, "before_cursor_execute", stop)
    try:
        yield go_on, reached
    finally:
        go_on.set()
        sa.event.remove(sa.Engine, "before_cursor_execute", stop)


def wait_for(condition) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_who_waits_for_one_cell_waits_for_no_other(world):
    """Builds in a healthy cell stalled for the deadline whenever another one was slow."""
    world.find("a", "b")
    world.elapsed_s = 3
    with ThreadPoolExecutor() as builds, stopped("cell1") as (go_on, reached):
        slow = builds.submit(world.find, "a")
        assert reached.acquire(timeout=PATIENCE_S)
        world.report("cell2", "b", "b", version=2)
        found = builds.submit(world.find, "b").result(5)
        assert found.hosts[uuid_of("b")].hypervisor_version == 2
        assert builds.submit(world.table.aggregates).result(5) == ()
        assert builds.submit(world.table.count).result(5) == 2
        assert not slow.done()
        go_on.set()
        assert list(slow.result(PATIENCE_S).hosts) == [uuid_of("a")]


def test_what_a_healthy_cell_answers_is_there_before_a_slow_one_does(world):
    """Both are asked at once by somebody who needs both; others need only one of them."""
    with ThreadPoolExecutor() as builds, stopped("cell1") as (go_on, reached):
        both = builds.submit(world.find, "a", "b")
        assert reached.acquire(timeout=PATIENCE_S)
        wait_for(lambda: uuid_of("b") in world.table._readings.cell_of_node)
        assert list(builds.submit(world.find, "b").result(5).hosts) == [uuid_of("b")]
        assert world.scatter.asked == [["cell1", "cell2"]]
        go_on.set()
        assert set(both.result(PATIENCE_S).hosts) == {uuid_of("a"), uuid_of("b")}


def test_those_who_need_the_same_cell_share_one_reading(world):
    world.find("a", "b")
    world.elapsed_s = 3
    world.report("cell1", "a", "a", version=2)
    asked = len(world.scatter.asked)
    with ThreadPoolExecutor(8) as builds, stopped("cell1") as (go_on, reached):
        waiting = [builds.submit(world.find, "a") for _ in range(8)]
        assert reached.acquire(timeout=PATIENCE_S)
        go_on.set()
        told = [each.result(PATIENCE_S).hosts[uuid_of("a")] for each in waiting]
    assert {view.hypervisor_version for view in told} == {2}
    assert world.scatter.asked[asked:] == [["cell1"]]


def test_who_must_not_be_told_old_rows_asks_again_after_another_reading(world):
    """What was asked for before the moment in question does not count, though it comes later."""
    world.find("a", "b")
    world.elapsed_s = 3
    with ThreadPoolExecutor() as builds, stopped("cell1") as (go_on, reached):
        early = builds.submit(world.find, "a")
        assert reached.acquire(timeout=PATIENCE_S)
        world.elapsed_s = 3.5
        late = builds.submit(world.find, "a", not_before=world.table.moment())
        wait_for(lambda: world.table._readings.told._waiters)
        go_on.set()
        early.result(PATIENCE_S)
        late.result(PATIENCE_S)
    assert world.scatter.asked[-2:] == [["cell1"], ["cell1"]]


def test_cell_that_was_late_is_left_alone_from_then_on(world, monkeypatch):
    """Not from when it was asked: that is a deadline ago."""
    world.find("a", "b")
    world.elapsed_s = 3

    def be_late(cells, query, **_options):
        world.elapsed_s += 11
        return {cell: Late(cell) for cell in cells}

    with monkeypatch.context() as patched:
        patched.setattr(world.scatter, "ask", be_late)
        assert world.find("a").missing == {uuid_of("a"): SILENT_CELL}
    asked = len(world.scatter.asked)
    world.elapsed_s += 1
    assert world.find("a").missing == {uuid_of("a"): SILENT_CELL}
    assert len(world.scatter.asked) == asked
    # How long it was waited for says nothing of how long reading takes: rows of others are as young as ever.
    world.find("b")
    assert world.scatter.asked[asked:] == [["cell2"]]


def test_many_ask_while_cells_are_read(world):
    """Whatever is being read, what is told is whole and of the right cell."""

    def ask(number: int) -> None:
        world.elapsed_s = number / 10
        wanted = ("a", "b", "c")[: number % 3 + 1]
        found = world.find(*wanted)
        for name in wanted[:2]:
            view = found.hosts[uuid_of(name)]
            assert (view.host, view.cell_uuid) == (name, {"a": CELL1, "b": CELL2}[name])
        assert set(found.missing) == {uuid_of(name) for name in wanted[2:]}

    with ThreadPoolExecutor(8) as builds:
        for done in [builds.submit(ask, number) for number in range(400)]:
            done.result(PATIENCE_S)
    assert world.table._readings.asking == set()
