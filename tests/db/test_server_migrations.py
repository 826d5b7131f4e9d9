"""Migrations in real databases: changes are guarded, and every engine pages as a sorted table would."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from groundwork.database import Database
from nova.db.cell import server_migrations
from nova.db.cell.server_migrations import MigrationQuery
from nova.domain.flavor import Flavor
from nova.domain.migration import (
    ENDED,
    IN_PROGRESS,
    Migration,
    MigrationStatus,
    MigrationType,
    Origin,
    Progress,
)
from tests.api.moves import make_migration

NOW = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)


def store(database: Database, **fields: object) -> Migration:
    made = make_migration(**{"created_at": NOW, **fields})
    return database.run(lambda tx: server_migrations.insert_if_absent(tx, made))


def test_what_is_stored_comes_back_once(cell_database: Database) -> None:
    made = make_migration(
        created_at=NOW,
        updated_at=NOW + timedelta(seconds=1),
        is_hidden=True,
        progress=Progress(2**40, 1, 2, 3, 4, 5),
    )
    with cell_database.write() as tx:
        stored = server_migrations.insert_if_absent(tx, made)
        assert stored == replace(made, id=stored.id)
        # A step that runs twice, with a later clock.
        assert (
            server_migrations.insert_if_absent(tx, replace(made, created_at=NOW + timedelta(1)))
            == stored
        )
        assert server_migrations.page(tx, MigrationQuery()) == (stored,)
        assert server_migrations.find(tx, made.uuid) == stored
        assert server_migrations.find_of_server(tx, made.server_uuid, stored.id) == stored
        assert server_migrations.find_of_server(tx, made.uuid, stored.id) is None


def test_status_goes_on_only_from_what_is_expected(cell_database: Database) -> None:
    made = store(cell_database, status=MigrationStatus.QUEUED)
    later = NOW + timedelta(minutes=1)
    with cell_database.write() as tx:
        go = server_migrations.swap_status
        expect = [MigrationStatus.QUEUED, MigrationStatus.ACCEPTED]
        assert go(tx, made.uuid, MigrationStatus.RUNNING, expect=expect, now=later)
        assert not go(tx, made.uuid, MigrationStatus.CANCELLED, expect=expect)
        found = server_migrations.find(tx, made.uuid)
    assert found == replace(made, status=MigrationStatus.RUNNING, updated_at=later)


def test_destination_and_progress_are_recorded_until_the_end(cell_database: Database) -> None:
    made = store(cell_database, dest_compute=None, dest_node=None, dest_host=None)
    progress = Progress(memory_total=10, memory_processed=4, memory_remaining=6)
    with cell_database.write() as tx:
        assert server_migrations.set_destination(
            tx, made.uuid, compute="b", node="n", address="192.0.2.9", now=NOW
        )
        assert server_migrations.record_progress(tx, made.uuid, progress, now=NOW)
        found = server_migrations.find(tx, made.uuid)
        assert found == replace(
            made,
            dest_compute="b",
            dest_node="n",
            dest_host="192.0.2.9",
            progress=progress,
            updated_at=NOW,
        )
        server_migrations.swap_status(
            tx, made.uuid, MigrationStatus.COMPLETED, expect=[MigrationStatus.RUNNING]
        )
        assert not server_migrations.record_progress(tx, made.uuid, Progress())
        assert not server_migrations.set_destination(
            tx, "missing", compute="b", node="n", address=None
        )


def test_hosts_are_held_until_the_move_has_ended(cell_database: Database) -> None:
    for status in MigrationStatus:
        store(cell_database, status=status, source_compute="a", dest_compute="b")
    moving = store(cell_database, source_compute="a", dest_compute=None)
    with cell_database.read() as tx:
        assert server_migrations.count_in_progress(tx, "a") == len(IN_PROGRESS) + 1
        assert server_migrations.count_in_progress(tx, "b") == len(IN_PROGRESS)
        assert server_migrations.count_in_progress(tx, "c") == 0
        every = [found.server_uuid for found in server_migrations.page(tx, MigrationQuery())]
        hosts = server_migrations.hosts_in_progress(tx, every)
        assert hosts[moving.server_uuid] == {"a"}
        assert len(every) - len(hosts) == len(ENDED)


@pytest.mark.parametrize("limit", [1, 2, 5])
def test_pages_continue_where_the_last_one_ended(cell_database: Database, limit: int) -> None:
    made = [
        store(cell_database, created_at=NOW + timedelta(microseconds=at // 2)) for at in range(7)
    ]
    expected = sorted(made, key=server_migrations.position, reverse=True)
    seen: list[Migration] = []
    query = MigrationQuery(limit=limit)
    while True:
        with cell_database.read() as tx:
            page = server_migrations.page(tx, query)
        if not page:
            break
        assert len(page) <= limit
        seen += page
        query = replace(query, after=server_migrations.position(page[-1]))
    assert seen == expected


def test_each_filter_selects(cell_database: Database) -> None:
    first = store(cell_database, source_compute="a", dest_compute="b")
    second = store(
        cell_database,
        source_compute="b",
        dest_compute="c",
        migration_type=MigrationType.RESIZE,
        status=MigrationStatus.FINISHED,
        project_id="p",
        user_id="u",
        is_hidden=True,
        updated_at=NOW + timedelta(seconds=5),
    )
    second_only = [
        MigrationQuery(server_uuid=second.server_uuid),
        MigrationQuery(host="c"),
        MigrationQuery(source_compute="b"),
        MigrationQuery(status="finished"),
        MigrationQuery(migration_type="resize"),
        MigrationQuery(is_hidden=True),
        MigrationQuery(user_id="u"),
        MigrationQuery(project_id="p"),
        MigrationQuery(changes_since=NOW + timedelta(seconds=5)),
    ]
    first_only = [
        MigrationQuery(host="a"),
        MigrationQuery(is_hidden=False),
        MigrationQuery(changes_before=NOW),
    ]
    with cell_database.read() as tx:
        for query in second_only:
            assert server_migrations.page(tx, query) == (second,), query
        for query in first_only:
            assert server_migrations.page(tx, query) == (first,), query
        assert server_migrations.page(tx, MigrationQuery(host="b")) == (second, first)
        assert server_migrations.page(tx, MigrationQuery(status="no such status")) == ()


def test_the_move_that_waits_for_an_answer(cell_database: Database) -> None:
    flavor = Flavor(flavorid="1", name="small", vcpus=1, memory_mb=64, root_gb=1)
    origin = Origin(flavor, "stopped", "nova")
    fields = {"server_uuid": "5c7f4c1e-2a50-4b0e-8dd2-0a6f0d9f0a01", "origin": origin}
    store(cell_database, **fields, status=MigrationStatus.CONFIRMED)
    running = store(cell_database, **fields, status=MigrationStatus.MIGRATING)
    server_uuid = running.server_uuid
    with cell_database.read() as tx:
        assert server_migrations.in_progress(tx, server_uuid) == (running,)
        assert server_migrations.awaiting_answer(tx, server_uuid) is None
    waiting = store(cell_database, **fields, status=MigrationStatus.FINISHED, updated_at=NOW)
    with cell_database.read() as tx:
        assert server_migrations.awaiting_answer(tx, server_uuid) == waiting
        assert waiting.origin == origin
        found = server_migrations.in_progress(tx, server_uuid)
        assert {move.uuid for move in found} == {running.uuid, waiting.uuid}
        host = str(waiting.dest_compute)
        assert server_migrations.unanswered_since(tx, host, NOW) == (waiting,)
        assert server_migrations.unanswered_since(tx, host, NOW - timedelta(seconds=1)) == ()
        assert server_migrations.unanswered_since(tx, "another", NOW) == ()
