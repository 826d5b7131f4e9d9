"""What servers hold of nodes by number, on every database."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from groundwork.columns import now
from groundwork.database import Database
from nova.db.cell import compute_nodes, hardware_pins, servers
from nova.db.cell.hardware_pins import Holder
from nova.domain.hardware import Hardware, HostCell, Pages, PciDevice, Pins
from nova.domain.numa import GuestCell, NumaRequest, PciRequest, PciSpec
from nova.errors import HardwareTaken
from nova.scheduler.host_rows import read_nodes, read_pins
from tests.db.test_compute_nodes import add_server, facts

MACHINE = Hardware(
    cells=(HostCell(0, (), tuple(range(8)), (Pages(4, 1 << 20),)),),
    devices=tuple(PciDevice(f"0000:81:0{n}.0", "10de", "1eb8") for n in range(8)),
)
CPU = NumaRequest((GuestCell(0, 64, own=(0,)),))
GPU = (PciRequest("gpu", 1, (PciSpec("10de"),)),)


@pytest.fixture
def database(cell_database: Database) -> Database:
    with cell_database.write() as tx:
        for host in ("a", "b"):
            compute_nodes.report(tx, host, facts(host, hardware=MACHINE))
    return cell_database


def claim(database: Database, server: str, host: str = "a") -> Pins:
    holder = Holder(server, host, host)
    return database.run(lambda tx: hardware_pins.claim(tx, holder, MACHINE, CPU, GPU))


def parts(pins: Pins) -> tuple[int, str]:
    [cell], [device] = pins.cells, pins.devices
    [(_, cpu)] = cell.pins
    return cpu, device.device.address


def test_a_claim_is_the_same_when_it_is_repeated(database: Database) -> None:
    first = claim(database, "one")
    assert parts(first) == (0, "0000:81:00.0")
    assert claim(database, "one") == first
    assert parts(claim(database, "two")) == (1, "0000:81:01.0")
    assert parts(claim(database, "three", "b")) == (0, "0000:81:00.0")
    with database.read() as tx:
        assert hardware_pins.of_server(tx, "one", "a") == first
        assert hardware_pins.of_server(tx, "one", "b") == Pins()


def test_servers_that_come_at_once_never_get_the_same(database: Database) -> None:
    """Twelve servers, eight CPUs and devices: eight of them have one each, and the others are refused."""

    def one(number: int) -> Pins | None:
        try:
            return claim(database, f"server-{number}")
        except HardwareTaken:
            return None

    with ThreadPoolExecutor(12) as arrivals:
        found = [pins for pins in arrivals.map(one, range(12)) if pins is not None]
    assert sorted(map(parts, found)) == [(n, f"0000:81:0{n}.0") for n in range(8)]


def test_what_a_deleted_server_held_is_free(database: Database) -> None:
    with database.write() as tx:
        server = add_server(tx, host="a", node="a")
    held = claim(database, server.uuid)
    with database.write() as tx:
        assert servers.mark_deleted(tx, server.uuid, now=now())
        assert not servers.mark_deleted(tx, server.uuid, now=now())
    assert claim(database, "another") == held


def test_release_without_anything_changes_nothing(database: Database) -> None:
    with database.read() as tx:
        before = read_nodes(tx, None)
    with database.write() as tx:
        hardware_pins.release(tx, "nobody")
    with database.read() as tx:
        assert read_nodes(tx, None) == before


def test_the_scheduler_reads_the_nodes_on_which_something_changed(database: Database) -> None:
    """A claim and the end of one are changes of the node, and of no other."""
    long_ago = datetime(2026, 3, 1, tzinfo=UTC)
    later = now() + timedelta(seconds=30)
    with database.write() as tx:
        for host in ("a", "b"):
            compute_nodes.report(tx, host, facts(host, hardware=MACHINE), now=long_ago)
    pins = claim(database, "one")
    with database.read() as tx:
        since = now() - timedelta(hours=1)
        [node] = read_nodes(tx, since)
        found = read_pins(tx, since)
        assert read_pins(tx, later) == {}
        assert read_pins(tx, None) == found
    assert node.hardware is not None
    assert msgspec.json.decode(node.hardware, type=Hardware) == MACHINE
    assert {
        place: [msgspec.json.decode(text, type=Pins) for text in texts]
        for place, texts in found.items()
    } == {("a", "a"): [pins]}
    with database.write() as tx:
        compute_nodes.report(tx, "a", facts("a", hardware=MACHINE), now=long_ago)
        hardware_pins.release(tx, "one")
    with database.read() as tx:
        assert [each.host for each in read_nodes(tx, since)] == ["a"]
        assert read_pins(tx, None) == {}
