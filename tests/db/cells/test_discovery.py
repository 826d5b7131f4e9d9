"""Discovery and mappings on each engine: repeated, at the same time, interrupted."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import pytest
import sqlalchemy as sa

from groundwork.columns import now
from groundwork.database import Database
from groundwork.errors import Invalid, NotFound
from nova.cells import discovery, mappings
from nova.cells.discovery import HostTaken
from nova.cells.mappings import Changes
from nova.cells.registry import CELL0_UUID, Cell, Registry
from nova.cells.templates import Urls
from nova.db.api import cell_mappings, host_mappings
from nova.db.cell import compute_nodes
from nova.db.cell.models import compute_nodes as nodes_table

MakeDatabase = Callable[..., Database]
NOWHERE = Urls("", "")


@dataclass(frozen=True)
class Plane:
    """An API database and the databases of some cells, by uuid."""

    api: Database
    databases: dict[str, Database]

    def database(self, cell: Cell) -> Database:
        return self.databases[cell.uuid]

    def cells(self) -> tuple[Cell, ...]:
        return Registry(self.api).all()

    def hosts(self) -> dict[str, int]:
        with self.api.read() as tx:
            return {found.host: found.cell_id for found in host_mappings.list_mappings(tx)}


@pytest.fixture
def plane(make_database: MakeDatabase) -> Plane:
    """cell0 (with a node, which must not matter) and two cells without hosts."""
    api = make_database("api")
    mappings.map_cell0(api, "sqlite:///cell0")
    databases = {CELL0_UUID: make_database("cell")}
    for number in (1, 2):
        urls = Urls(f"rabbit://mq/{number}", f"sqlite:///{number}")
        cell = mappings.create_cell(api, urls, local=NOWHERE, name=f"cell{number}")
        databases[cell.uuid] = make_database("cell")
    report(databases[CELL0_UUID], "stray")
    return Plane(api, databases)


def report(database: Database, host: str, *nodes: str) -> None:
    rows = [
        {
            "uuid": f"{host}/{node}"[:36],
            "host": host,
            "hypervisor_hostname": node,
            "hypervisor_type": "fake",
            "hypervisor_version": 1,
            "vcpus": 1,
            "memory_mb": 1,
            "local_gb": 1,
            "created_at": now(),
        }
        for node in nodes or (host,)
    ]
    with database.write() as tx:
        tx.execute(sa.insert(nodes_table), rows)


def test_hosts_of_all_cells_are_mapped_once(plane: Plane) -> None:
    _, first, second = plane.cells()
    report(plane.database(first), "a")
    report(plane.database(second), "b", "n1", "n2")
    found = discovery.discover_hosts(plane.api, plane.cells(), plane)
    assert [(host.host, host.cell.name, host.nodes) for host in found] == [
        ("a", "cell1", ("a",)),
        ("b", "cell2", ("n1", "n2")),
    ]
    assert plane.hosts() == {"a": first.id, "b": second.id}
    assert discovery.discover_hosts(plane.api, plane.cells(), plane) == ()


def test_a_run_that_was_interrupted_is_finished_by_the_next(plane: Plane) -> None:
    """Mapped, but not yet marked: nothing is new, and the node is marked now."""
    cell = plane.cells()[1]
    report(plane.database(cell), "a")
    with plane.api.write() as tx:
        host_mappings.map_host(tx, "a", cell.id)
    assert discovery.discover_in_cell(plane.api, cell, plane.database(cell)) == ()
    with plane.database(cell).read() as tx:
        assert compute_nodes.list_unmapped(tx) == ()


def test_a_name_of_another_cell_is_refused_after_the_others_are_mapped(plane: Plane) -> None:
    _, first, second = plane.cells()
    report(plane.database(first), "a")
    report(plane.database(second), "a", "n1")
    report(plane.database(second), "b")
    with pytest.raises(HostTaken) as caught:
        discovery.discover_hosts(plane.api, plane.cells(), plane)
    assert caught.value.facts["hosts"] == ["a"]
    assert plane.hosts() == {"a": first.id, "b": second.id}
    with plane.database(second).read() as tx:
        assert [node.host for node in compute_nodes.list_unmapped(tx)] == ["a"]


def test_a_cell_that_does_not_answer_keeps_no_other_waiting(
    plane: Plane, make_database: MakeDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    _, first, second = plane.cells()
    report(plane.database(second), "b")
    broken = Plane(plane.api, {**plane.databases, first.uuid: make_database()})
    found = discovery.discover_hosts(plane.api, plane.cells(), broken)
    assert [host.host for host in found] == ["b"]
    assert "hosts of cell cell1" in caplog.text


def test_discoveries_at_the_same_time_map_each_host_once(plane: Plane) -> None:
    cell = plane.cells()[1]
    names = [f"host{number}" for number in range(10)]
    for name in names:
        report(plane.database(cell), name)
    with ThreadPoolExecutor(4) as pool:
        runs = [
            pool.submit(discovery.discover_in_cell, plane.api, cell, plane.database(cell))
            for _ in range(4)
        ]
        seen = {host.host for run in runs for host in run.result(timeout=60)}
    assert seen == set(names)
    assert plane.hosts() == dict.fromkeys(names, cell.id)


def test_cell0_made_by_several_at_once_is_one_row(make_database: MakeDatabase) -> None:
    api = make_database("api")
    with ThreadPoolExecutor(4) as pool:
        made = [pool.submit(mappings.map_cell0, api, f"sqlite:///{n}") for n in range(4)]
        outcomes = [future.result(timeout=60) for future in made]
    assert sorted(is_new for _, is_new in outcomes) == [False, False, False, True]
    assert len({cell.database_connection for cell, _ in outcomes}) == 1


def test_a_changed_cell_keeps_what_is_not_changed(plane: Plane) -> None:
    uuid = plane.cells()[1].uuid
    with plane.api.read() as tx:
        before = cell_mappings.find(tx, uuid)
    assert before is not None
    after = mappings.update_cell(plane.api, uuid, Changes(disabled=True), local=NOWHERE)
    assert after == replace(before, disabled=True)
    with plane.api.read() as tx:
        assert cell_mappings.find(tx, uuid) == after


def test_cell0_is_neither_enabled_nor_disabled(plane: Plane) -> None:
    with pytest.raises(Invalid, match="Cell0"):
        mappings.update_cell(plane.api, CELL0_UUID, Changes(disabled=True), local=NOWHERE)


def test_a_cell_that_is_gone_is_not_found(plane: Plane) -> None:
    uuid = plane.cells()[1].uuid
    mappings.delete_cell(plane.api, uuid, cell_database=plane.databases[uuid])
    with pytest.raises(NotFound):
        mappings.delete_cell(plane.api, uuid, cell_database=plane.databases[uuid])
    with pytest.raises(NotFound):
        mappings.update_cell(plane.api, uuid, Changes(name="x"), local=NOWHERE)
