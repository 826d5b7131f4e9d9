"""Requests at the same time to different cells: each is answered out of its own."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from groundwork.database import Database
from nova.cells.target import Targets
from nova.db.cell import services
from nova.domain.server import Server
from tests.api.deployment import PROJECT
from tests.functional.cells.cloud import CellsCloud

CELLS = 8
CLIENTS = 64
REQUESTS_EACH = 6

Question = Callable[[CellsCloud, str, Server], None]


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[CellsCloud]:
    deployment = CellsCloud(tmp_path, cells=CELLS)
    yield deployment
    deployment.close()


def show(cloud: CellsCloud, cell: str, server: Server) -> None:
    found = cloud.ask(f"/servers/{server.uuid}")["server"]
    assert (found["id"], found["name"]) == (server.uuid, f"a-{cell}")
    assert found["OS-EXT-SRV-ATTR:host"] == f"host-{cell}"


def actions(cloud: CellsCloud, cell: str, server: Server) -> None:
    found = cloud.ask(f"/servers/{server.uuid}/os-instance-actions/req-1")["instanceAction"]
    assert (found["action"], found["instance_uuid"]) == (f"act-{cell}", server.uuid)


def migration(cloud: CellsCloud, cell: str, server: Server) -> None:
    found = cloud.ask(f"/servers/{server.uuid}/migrations/1")["migration"]
    assert (found["server_uuid"], found["source_compute"]) == (server.uuid, f"host-{cell}")


def metadata(cloud: CellsCloud, cell: str, server: Server) -> None:
    found = cloud.lookup.find(server.uuid)
    assert found is not None
    assert (found.uuid, found.hostname) == (server.uuid, f"a-{cell}")


def lists(cloud: CellsCloud, cell: str, server: Server) -> None:
    found = cloud.ask("/servers?sort_key=display_name&sort_dir=asc")["servers"]
    assert [row["name"] for row in found] == [f"a-{name}" for name in cloud.names]


def migrations(cloud: CellsCloud, cell: str, server: Server) -> None:
    found = cloud.ask("/os-migrations")["migrations"]
    assert sorted(row["source_compute"] for row in found) == [f"host-{n}" for n in cloud.names]


def usage(cloud: CellsCloud, cell: str, server: Server) -> None:
    period = "start=2026-03-01T00:00:00&end=2026-03-01T12:00:00"
    found = cloud.ask(f"/os-simple-tenant-usage/{PROJECT}?{period}")["tenant_usage"]
    assert sorted(row["name"] for row in found["server_usages"]) == [f"a-{n}" for n in cloud.names]


def hypervisors(cloud: CellsCloud, cell: str, server: Server) -> None:
    pattern = f"hypervisor_hostname_pattern=host-{cell}&with_servers=1"
    [found] = cloud.ask(f"/os-hypervisors?{pattern}")["hypervisors"]
    assert [row["uuid"] for row in found["servers"]] == [server.uuid]


QUESTIONS: list[Question] = [
    show,
    actions,
    migration,
    metadata,
    lists,
    migrations,
    usage,
    hypervisors,
]


def test_every_read_comes_from_the_right_cell(cloud: CellsCloud) -> None:
    """Target-cell contexts never leak between concurrent requests.

    Fuzz: 64 parallel requests over 8 cells; every read comes from the right cell. The numbers of rows are the same in
    all cells, so a read in the wrong one would find something.
    """
    servers = {name: cloud.furnish(name) for name in cloud.names}
    assert {cloud.lookup.find(server.uuid).id for server in servers.values()} == {1}  # type: ignore[union-attr]
    together = threading.Barrier(CLIENTS)

    def client(seed: int) -> int:
        choice = random.Random(seed)
        together.wait(60)
        for _ in range(REQUESTS_EACH):
            cell = choice.choice(cloud.names)
            choice.choice(QUESTIONS)(cloud, cell, servers[cell])
        return REQUESTS_EACH

    with ThreadPoolExecutor(CLIENTS) as clients:
        assert sum(clients.map(client, range(CLIENTS))) == CLIENTS * REQUESTS_EACH


def test_targets_made_at_the_same_time_are_not_mixed_up(cloud: CellsCloud) -> None:
    """Target-cell contexts never leak between concurrent requests: also at first use, when databases are opened."""
    for name in cloud.names:
        cloud.add_service(name, f"host-{name}")
    cells = [cloud.cell(name) for name in cloud.names]
    opened: list[Database] = []

    def open_database(url: str) -> Database:
        opened.append(Database(url))
        return opened[-1]

    targets = Targets(open_database=open_database, open_bus=lambda url: pytest.fail("no bus"))
    together = threading.Barrier(CLIENTS)

    def client(number: int) -> None:
        together.wait(60)
        cell = cells[number % CELLS]
        with targets.database(cell).read() as tx:
            [found] = services.list_services(tx)
        assert found.host == f"host-{cell.name}"

    try:
        with ThreadPoolExecutor(CLIENTS) as clients:
            list(clients.map(client, range(CLIENTS)))
        assert len(opened) == CELLS
    finally:
        targets.close()
