"""Archiving on every engine: rows move whole, and only those of deleted servers."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import sqlalchemy as sa

from groundwork.columns import now
from groundwork.database import Database
from nova.db.api import mapped_servers
from nova.db.api.mapped_servers import Unmapped
from nova.db.api.models import cell_mappings
from nova.db.cell import archive, command_markers
from nova.db.cell.models import (
    METADATA,
    SHADOWS,
    instance_actions,
    instance_actions_events,
    instance_faults,
    instances,
    migrations,
    tags,
)


def add_server(database: Database, uuid: str, *, deleted: int, state: str = "done") -> None:
    values: dict[str, Any] = {
        "uuid": uuid,
        "project_id": "p",
        "user_id": "u",
        "vm_state": "active",
        "deleted": deleted,
        "deleted_at": now() if deleted else None,
        "flavorid": "1",
        "vcpus": 1,
        "memory_mb": 1,
        "root_gb": 1,
        "ephemeral_gb": 0,
        "flavor": {"name": "ä"},
        "metadata": {},
        "security_groups": [],
        "created_at": now(),
    }
    with database.write() as tx:
        tx.execute(sa.insert(instances), values)
        tx.execute(sa.insert(tags), {"resource_id": uuid, "tag": "t"})
        fault = {"instance_uuid": uuid, "created_at": now(), "code": 500, "details": "x" * 70000}
        tx.execute(sa.insert(instance_faults), fault)
        action = {
            "action": "create",
            "instance_uuid": uuid,
            "request_id": "req",
            "start_time": now(),
            "state": state,
            "payload": {"a": [1]},
        }
        move = {
            "uuid": str(uuid4()),
            "instance_uuid": uuid,
            "project_id": "p",
            "user_id": "u",
            "migration_type": "resize",
            "status": "confirmed",
            "created_at": now(),
        }
        tx.execute(sa.insert(migrations), move)
        number = tx.execute(sa.insert(instance_actions), action).inserted_primary_key[0]
        event = {"action_id": number, "event": "e", "start_time": now()}
        tx.execute(sa.insert(instance_actions_events), [event, event])


def rows(database: Database, table: sa.Table) -> list[dict[str, Any]]:
    with database.read() as tx:
        return [row._asdict() for row in tx.execute(sa.select(table))]


def test_rows_of_deleted_servers_move_unchanged(cell_database: Database) -> None:
    add_server(cell_database, "alive", deleted=0)
    add_server(cell_database, "dead", deleted=7)
    before = {name: rows(cell_database, METADATA.tables[name]) for name in SHADOWS}
    with cell_database.read() as tx:
        assert archive.deleted_servers(tx, at_most=9) == ["dead"]
        assert archive.count_rows(tx, ["dead", "none"]) == {"dead": 7, "none": 0}
    moved = cell_database.run(lambda tx: archive.move(tx, ["alive", "dead"]))
    assert sum(moved.values()) == 7
    assert cell_database.run(lambda tx: archive.move(tx, ["dead"])) == {}

    for name, shadow in SHADOWS.items():
        archived = rows(cell_database, shadow)
        assert all(row.pop("server_uuid") == "dead" and row.pop("shadow_id") for row in archived)
        left = rows(cell_database, METADATA.tables[name])
        assert len(left) == len(archived) == moved[name]
        key = list(before[name][0])[0]
        assert sorted(left + archived, key=lambda row: row[key]) == sorted(
            before[name], key=lambda row: row[key]
        )


def test_the_id_of_an_archived_row_may_be_given_out_again(cell_database: Database) -> None:
    """SQLite gives the highest id of a table out anew when its row is gone."""
    for uuid in ("first", "second"):
        add_server(cell_database, uuid, deleted=1)
        cell_database.run(lambda tx, uuid=uuid: archive.move(tx, [uuid]))
    assert len(rows(cell_database, SHADOWS["instances"])) == 2


def test_a_server_with_an_unfinished_operation_is_not_picked(cell_database: Database) -> None:
    add_server(cell_database, "busy", deleted=1, state="undoing")
    with cell_database.read() as tx:
        assert archive.deleted_servers(tx, at_most=9) == []


def test_purge_removes_all_rows_of_a_server_or_none(cell_database: Database) -> None:
    for number, uuid in enumerate(("a", "b", "c"), start=1):
        add_server(cell_database, uuid, deleted=number)
    cell_database.run(lambda tx: archive.move(tx, ["a", "b", "c"]))
    with cell_database.read() as tx:
        query = sa.select(SHADOWS["instances"].c.deleted_at).where(
            SHADOWS["instances"].c.uuid == "c"
        )
        moment = tx.execute(query).scalar_one()
    first = cell_database.run(lambda tx: archive.purge(tx, before=moment, at_most=9))
    assert sum(first.values()) == 14
    assert {row["server_uuid"] for row in rows(cell_database, SHADOWS["tags"])} == {"c"}
    assert sum(cell_database.run(lambda tx: archive.purge(tx, at_most=9)).values()) == 7
    assert cell_database.run(lambda tx: archive.purge(tx, at_most=9)) == {}


def test_markers_move_and_are_reset(cell_database: Database) -> None:
    with cell_database.write() as tx:
        assert command_markers.position(tx, "a") == 0
        for place in (5, 5, 9):
            command_markers.move(tx, "a", place)
        assert (command_markers.position(tx, "a"), command_markers.position(tx, "b")) == (9, 0)
        command_markers.reset(tx, "a")
        assert command_markers.position(tx, "a") == 0


def test_only_missing_mappings_are_added_and_all_are_forgotten(api_database: Database) -> None:
    servers = [Unmapped(uuid, "p", "u", 1, 512, uuid == "b") for uuid in "ab"]
    with api_database.write() as tx:
        cell = {"uuid": "c", "name": "c", "disabled": False, "created_at": now()}
        number = tx.execute(sa.insert(cell_mappings), cell).inserted_primary_key[0]
        assert mapped_servers.add_missing(tx, number, servers[:1]) == 1
        assert mapped_servers.add_missing(tx, number, servers) == 1
        assert mapped_servers.add_missing(tx, number, servers) == 0
        forgotten = mapped_servers.forget(tx, ["a", "b", "c"])
        rows = {"instance_mappings": 2, "request_specs": 0, "server_group_members": 0}
        assert forgotten == rows
