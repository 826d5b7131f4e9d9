"""What the audit reads and corrects, on real databases."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from oslo_db.exception import DBDuplicateEntry

from groundwork.database import Database, Transaction
from nova.db import journal
from nova.db.api import census as api_census
from nova.db.api.models import build_requests, cell_mappings, instance_mappings
from nova.db.cell import census, server_migrations, server_scan, servers
from nova.db.cell.census import Node, Place
from nova.db.cell.models import compute_nodes, instances
from nova.db.journal_census import alive
from nova.domain.flavor import Flavor
from nova.domain.migration import Migration, MigrationStatus, MigrationType, Origin
from nova.domain.server import Server

NOW = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)


def add_server(database: Database, **fields: Any) -> str:
    server = Server(
        **{
            "uuid": str(uuid.uuid4()),
            "project_id": "p",
            "user_id": "u",
            "display_name": "s",
            "flavor": Flavor(flavorid="1", name="m1", vcpus=2, memory_mb=512, root_gb=10),
            "vm_state": "active",
            "image_ref": "image",
            "created_at": NOW,
            **fields,
        }
    )
    with database.write() as tx:
        servers.insert_if_absent(tx, server)
    return server.uuid


def add_operation(database: Database, server: str, **fields: Any) -> int:
    values = {
        "action": "create",
        "instance_uuid": server,
        "request_id": "req",
        "start_time": NOW,
        "state": "running",
        "step": "spawn",
        "place": "host",
        "attempts": 0,
        "cancel_requested": False,
        **fields,
    }
    with database.write() as tx:
        return journal.insert(tx, journal.CELL, values)


def test_living_servers_in_pages(cell_database: Database) -> None:
    uuids = [add_server(cell_database) for _ in range(5)]
    with cell_database.write() as tx:
        servers.mark_deleted(tx, uuids[1], now=NOW)
    busy = add_operation(cell_database, uuids[2])
    add_operation(cell_database, uuids[3], state="done")
    with cell_database.read() as tx:
        first = census.living(tx, after_id=0, limit=3)
        second = census.living(tx, after_id=first[-1].id, limit=3)
    assert [row.uuid for row in [*first, *second]] == [uuids[0], uuids[2], uuids[3], uuids[4]]
    assert [row.is_busy for row in [*first, *second]] == [False, True, False, False]
    row = first[0]
    assert (row.vcpus, row.memory_mb, row.flavor.name, row.created_at) == (2, 512, "m1", NOW)
    assert (row.image_ref, row.is_in_motion) == ("image", False)
    assert busy


class Explained:
    """In place of a transaction: has the database tell how it would answer, and finds nothing."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx
        self.plan = ""

    def execute(self, query: sa.Select[Any]) -> list[Any]:
        if self._tx.dialect == "postgresql":
            # A few rows are read whole otherwise.
            for way in ("seqscan", "bitmapscan"):
                self._tx.execute(sa.text(f"SET LOCAL enable_{way} = off"))
        prefix = "EXPLAIN QUERY PLAN" if self._tx.dialect == "sqlite" else "EXPLAIN"
        engine = self._tx.connection.engine
        sql = query.compile(engine, compile_kwargs={"literal_binds": True}).string
        rows = self._tx.connection.exec_driver_sql(f"{prefix} {sql}".replace("%%", "%"))
        self.plan = "\n".join(str(tuple(row)) for row in rows)
        return []


PRIMARY_KEY = {"sqlite": "PRIMARY KEY (rowid>?)", "mysql": "'PRIMARY'", "postgresql": "_pkey"}


@pytest.mark.parametrize(
    "read",
    [
        census.living,
        census.unattended,
        lambda tx, after_id, limit: server_scan.living_after(tx, after_id, at_most=limit),
    ],
)
def test_pages_of_servers_go_along_the_primary_key(cell_database: Database, read: Any) -> None:
    """By another index each page would cost as much as all that is left."""
    for _ in range(3):
        add_server(cell_database)
    with cell_database.write() as tx:
        explained = Explained(tx)
        read(explained, after_id=1, limit=2)
        assert PRIMARY_KEY[tx.dialect] in explained.plan
    assert "sort" not in explained.plan.lower()
    assert "B-TREE" not in explained.plan


@pytest.mark.parametrize("is_of_one_cell", [False, True])
def test_pages_of_mappings_go_along_the_primary_key(
    api_database: Database, cell_id: int, is_of_one_cell: bool
) -> None:
    for _ in range(3):
        add_mapping(api_database, cell_id=cell_id)
    with api_database.write() as tx:
        explained = Explained(tx)
        wanted = cell_id if is_of_one_cell else None
        api_census.counting(explained, after_id=1, limit=2, cell_id=wanted)  # type: ignore[arg-type]
        assert PRIMARY_KEY[tx.dialect] in explained.plan
    assert "sort" not in explained.plan.lower()
    assert "B-TREE" not in explained.plan


def test_servers_by_node_and_by_uuid(cell_database: Database) -> None:
    here = add_server(cell_database, host="h1", node="n1")
    there = add_server(cell_database, host="h1", node="n2")
    gone = add_server(cell_database, host="h1", node="n1")
    nowhere = add_server(cell_database)
    with cell_database.write() as tx:
        servers.mark_deleted(tx, gone, now=NOW)
    unknown = [str(uuid.uuid4()) for _ in range(1200)]
    with cell_database.read() as tx:
        assert [row.uuid for row in census.living_on(tx, "h1", "n1")] == [here]
        assert set(census.living_among(tx, [*unknown, here, there, gone])) == {here, there}
        assert census.deleted_among(tx, [here, *unknown, gone, nowhere]) == {gone}
        assert census.living_among(tx, []) == {}
        assert list(census.places(tx)) == [Place("h1", "n1", 1), Place("h1", "n2", 1)]


def test_unattended_servers(cell_database: Database) -> None:
    add_server(cell_database)
    stuck = add_server(cell_database, task_state="rebooting")
    building = add_server(cell_database, vm_state="building")
    for state in ("running", "undoing"):
        add_operation(cell_database, add_server(cell_database, vm_state="building"), state=state)
    add_operation(cell_database, stuck, state="failed")
    gone = add_server(cell_database, task_state="rebooting")
    with cell_database.write() as tx:
        tx.execute(sa.update(instances).where(instances.c.uuid == gone).values(deleted=1))
    with cell_database.read() as tx:
        found = census.unattended(tx, after_id=0, limit=10)
        assert [row.uuid for row in found] == [stuck, building]
        assert [row.uuid for row in census.unattended(tx, after_id=found[0].id, limit=1)] == [
            building
        ]


def add_move(database: Database, server: str, **fields: Any) -> str:
    move = Migration(
        **{
            "uuid": str(uuid.uuid4()),
            "server_uuid": server,
            "project_id": "p",
            "user_id": "u",
            "migration_type": MigrationType.RESIZE,
            "status": MigrationStatus.FINISHED,
            "created_at": NOW,
            "source_compute": "h1",
            "source_node": "n1",
            "origin": Origin(OLD, "active"),
            **fields,
        }
    )
    with database.write() as tx:
        server_migrations.insert_if_absent(tx, move)
    return move.uuid


OLD = Flavor(flavorid="0", name="m0", vcpus=1, memory_mb=64, root_gb=1)


def test_unanswered_moves_from_a_node(cell_database: Database) -> None:
    first, second, gone = (add_server(cell_database) for _ in range(3))
    add_operation(cell_database, second)
    moves = [add_move(cell_database, first), add_move(cell_database, second)]
    add_move(cell_database, first, status=MigrationStatus.CONFIRMED)
    add_move(cell_database, first, status=MigrationStatus.REVERTING)
    add_move(cell_database, first, source_node="n2")
    add_move(cell_database, first, source_compute="h2")
    # Without an origin it is none that can be taken back.
    add_move(cell_database, first, origin=None)
    add_move(cell_database, gone)
    with cell_database.write() as tx:
        servers.mark_deleted(tx, gone, now=NOW)
    with cell_database.read() as tx:
        found = census.unanswered_from(tx, "h1", "n1")
        assert list(census.unanswered_from(tx, "h3", "n1")) == []
    assert [each.uuid for each in found] == moves
    assert [(each.server.uuid, each.server.is_in_motion) for each in found] == [
        (first, False),
        (second, True),
    ]
    assert [each.flavor for each in found] == [OLD, OLD]


def test_what_has_ended_or_is_no_move_is_not_in_progress(cell_database: Database) -> None:
    moves = {
        status: add_move(cell_database, "one", status=status)
        for status in (MigrationStatus.FINISHED, MigrationStatus.REVERTING, MigrationStatus.ERROR)
    }
    with cell_database.read() as tx:
        assert {
            status: server_migrations.is_in_progress(tx, move) for status, move in moves.items()
        } == {
            MigrationStatus.FINISHED: True,
            MigrationStatus.REVERTING: True,
            MigrationStatus.ERROR: False,
        }
        assert not server_migrations.is_in_progress(tx, "unknown")


def test_nodes(cell_database: Database) -> None:
    common = {"hypervisor_type": "fake", "hypervisor_version": 1, "vcpus": 1, "memory_mb": 1}
    with cell_database.write() as tx:
        for name in ("n2", "n1"):
            values = {**common, "local_gb": 1, "uuid": f"uuid-{name}", "created_at": NOW}
            tx.execute(
                sa.insert(compute_nodes).values(host="h1", hypervisor_hostname=name, **values)
            )
    with cell_database.read() as tx:
        assert list(census.nodes(tx)) == [
            Node("uuid-n2", "h1", "n2"),
            Node("uuid-n1", "h1", "n1"),
        ]


def test_operations_that_wait_in_vain(cell_database: Database) -> None:
    ended = add_operation(cell_database, "one", state="interrupted")
    first = add_operation(cell_database, "one", updated_at=NOW + timedelta(seconds=1))
    waiting = add_operation(cell_database, "one", blocked_by=first)
    in_vain = add_operation(cell_database, "one", blocked_by=ended, state="undoing")
    missing = add_operation(cell_database, "one", blocked_by=999)
    with cell_database.read() as tx:
        found = alive(tx, journal.CELL, after_id=0, limit=10)
        later = alive(tx, journal.CELL, after_id=waiting, limit=1)
    assert [(each.id, each.blocked_by, each.waits_in_vain) for each in found] == [
        (first, None, False),
        (waiting, first, False),
        (in_vain, ended, True),
        (missing, 999, True),
    ]
    assert [each.touched_at for each in found[:2]] == [NOW + timedelta(seconds=1), NOW]
    assert [each.id for each in later] == [in_vain]


@pytest.fixture
def cell_id(api_database: Database) -> int:
    with api_database.write() as tx:
        return int(
            tx.execute(
                sa.insert(cell_mappings).values(uuid="cell", disabled=False, created_at=NOW)
            ).inserted_primary_key[0]  # type: ignore[index]
        )


def add_mapping(database: Database, **fields: Any) -> str:
    values = {
        "instance_uuid": str(uuid.uuid4()),
        "project_id": "p",
        "user_id": "u",
        "vcpus": 1,
        "memory_mb": 64,
        "queued_for_delete": False,
        "created_at": NOW,
        **fields,
    }
    with database.write() as tx:
        tx.execute(sa.insert(instance_mappings).values(**values))
    return str(values["instance_uuid"])


def test_mappings_in_pages(api_database: Database, cell_id: int) -> None:
    waiting = add_mapping(api_database)
    mapped = add_mapping(api_database, cell_id=cell_id)
    gone = add_mapping(api_database, cell_id=cell_id, queued_for_delete=True)
    with api_database.read() as tx:
        first = api_census.counting(tx, after_id=0, limit=1)
        second = api_census.counting(tx, after_id=first[0].id, limit=10)
        of_cell = api_census.counting(tx, after_id=0, limit=10, cell_id=cell_id)
        all_of_them = api_census.mappings_of(tx, [waiting, gone, "unknown"])
    assert [each.instance_uuid for each in (*first, *second)] == [waiting, mapped]
    assert [each.instance_uuid for each in of_cell] == [mapped]
    assert (first[0].cell_id, first[0].queued_for_delete, first[0].created_at) == (None, False, NOW)
    assert {uuid: each.queued_for_delete for uuid, each in all_of_them.items()} == {
        waiting: False,
        gone: True,
    }


def test_a_mapping_is_corrected_only_as_it_was_seen(api_database: Database, cell_id: int) -> None:
    server = add_mapping(api_database)
    with api_database.read() as tx:
        seen = api_census.mappings_of(tx, [server])[server]
    with api_database.write() as tx:
        assert api_census.is_as_seen(tx, seen)
        assert api_census.correct(tx, seen, {"cell_id": cell_id})
    with api_database.write() as tx:
        # Nothing but the time of change differs after the second one.
        assert not api_census.is_as_seen(tx, seen)
        assert not api_census.correct(tx, seen, {"vcpus": 9})
        changed = api_census.mappings_of(tx, [server])[server]
        assert api_census.correct(tx, changed, {"cell_id": cell_id})
        assert not api_census.correct(tx, changed, {"vcpus": 9})
    with api_database.read() as tx:
        now = api_census.mappings_of(tx, [server])[server]
    assert (now.cell_id, now.vcpus) == (cell_id, 1)


@pytest.mark.parametrize("text", ['{"VCPU":1}', '{ "VCPU": 1 }', "{", None])
def test_a_mapping_is_compared_with_the_amounts_as_they_are_written(
    api_database: Database, text: str | None
) -> None:
    server = add_mapping(api_database)
    mine = instance_mappings.c.instance_uuid == server
    raw = sa.literal(text, sa.Text)
    with api_database.write() as tx:
        tx.execute(sa.update(instance_mappings).where(mine).values(resources=raw))
    with api_database.read() as tx:
        seen = api_census.mappings_of(tx, [server])[server]
    assert seen.resources == text
    assert seen.amounts == (None if text is None else {} if text == "{" else {"VCPU": 1})
    with api_database.write() as tx:
        assert not api_census.correct(tx, replace(seen, resources='{"VCPU":2}'), {"vcpus": 9})
        assert api_census.correct(tx, seen, {"resources": {"VCPU": 3}})
    with api_database.read() as tx:
        assert api_census.mappings_of(tx, [server])[server].amounts == {"VCPU": 3}


def test_of_many_corrections_at_once_one_counts(api_database: Database) -> None:
    server = add_mapping(api_database)
    with api_database.read() as tx:
        seen = api_census.mappings_of(tx, [server])[server]

    def correct(number: int) -> bool:
        return api_database.run(lambda tx: api_census.correct(tx, seen, {"vcpus": number}))

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(correct, range(10, 18))) == 1


def test_a_missing_mapping_is_added_once(api_database: Database, cell_id: int) -> None:
    values = {
        "instance_uuid": "one",
        "cell_id": cell_id,
        "project_id": "p",
        "user_id": "u",
        "vcpus": 1,
        "memory_mb": 64,
    }

    def add(_number: int) -> bool:
        try:
            return api_database.run(lambda tx: api_census.add_missing(tx, values))
        except DBDuplicateEntry:
            return False

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(add, range(4))) == 1
    assert not add(0)
    with api_database.read() as tx:
        [mapping] = api_census.mappings_of(tx, ["one"]).values()
    assert (mapping.cell_id, mapping.queued_for_delete) == (cell_id, False)


def test_builds(api_database: Database) -> None:
    with api_database.write() as tx:
        for server, state in (("new", "running"), ("old", "failed")):
            tx.execute(
                sa.insert(build_requests).values(
                    instance_uuid=server,
                    project_id="p",
                    user_id="u",
                    server={},
                    action="create",
                    request_id="req",
                    start_time=NOW,
                    state=state,
                    attempts=0,
                    cancel_requested=False,
                    created_at=NOW,
                )
            )
    with api_database.read() as tx:
        assert api_census.being_built(tx, ["new", "old", "none"]) == {"new", "old"}
        assert [each.instance_uuid for each in api_census.ended_builds(tx)] == ["old"]
        [standing] = alive(tx, journal.BUILDS, after_id=0, limit=10)
    assert (standing.instance_uuid, standing.touched_at) == ("new", NOW)
