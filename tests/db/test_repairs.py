"""Repairs of servers against what users begin at the same moment, and operations nudged, on real databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
import sqlalchemy as sa

from groundwork.columns import now
from groundwork.context import RequestContext
from groundwork.database import Database
from nova.db import journal as rows
from nova.db.cell import servers
from nova.db.cell.models import instance_actions
from nova.domain.flavor import Flavor
from nova.domain.server import Server
from nova.lifecycle import delete, repair
from nova.lifecycle.operations import OPERATIONS
from nova.lifecycle.repair import RepairPayload, Seen, WantedAllocation
from nova.saga.journal import Journal
from nova.saga.operation import Place
from nova.saga.store import CellStore
from nova.saga.sweeper import free_orphans

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
CONTEXT = RequestContext.admin()
PAYLOAD = RepairPayload(WantedAllocation("h", "n", {"p": {"VCPU": 1}}, None))


class Hints:
    def __init__(self) -> None:
        self.sent: list[tuple[Place, int]] = []

    def hint(self, place: Place, host: str | None, operation_id: int) -> None:
        self.sent.append((place, operation_id))


@pytest.fixture
def hints() -> Hints:
    return Hints()


@pytest.fixture
def journal(cell_database: Database, hints: Hints) -> Journal:
    return Journal(cell_database, CellStore(), OPERATIONS, hints)


def add_server(database: Database, uuid: str) -> Server:
    server = Server(
        uuid=uuid,
        project_id="p",
        user_id="u",
        display_name="s",
        flavor=Flavor(flavorid="1", name="m1", vcpus=1, memory_mb=64, root_gb=1),
        vm_state="active",
        host="h",
        node="n",
        created_at=NOW,
    )
    database.run(lambda tx: servers.insert_if_absent(tx, server))
    return server


def operations(database: Database) -> list[Any]:
    with database.read() as tx:
        return list(tx.execute(sa.select(instance_actions).order_by(instance_actions.c.id)))


def test_of_a_repair_and_a_delete_at_once_the_delete_goes_on(journal: Journal) -> None:
    database = journal.database
    uuids = [f"server-{number}" for number in range(10)]
    found = [add_server(database, uuid) for uuid in uuids]
    barrier = Barrier(2)

    def heal() -> None:
        for uuid in uuids:
            barrier.wait()
            repair.begin(journal, Seen(uuid), PAYLOAD, CONTEXT)

    def remove() -> None:
        for server in found:
            barrier.wait()
            delete.begin(journal, server, CONTEXT)

    with ThreadPoolExecutor(2) as threads:
        for each in [threads.submit(heal), threads.submit(remove)]:
            each.result()
    alive = [row for row in operations(database) if row.state == "running"]
    assert sorted(row.instance_uuid for row in alive) == uuids
    assert {(row.action, row.blocked_by) for row in alive} == {("delete", None)}
    assert {row.state for row in operations(database) if row.action == "repair"} <= {"interrupted"}


def test_of_two_repairs_at_once_one_begins(journal: Journal) -> None:
    for number in range(5):
        uuid = f"server-{number}"
        add_server(journal.database, uuid)
        with ThreadPoolExecutor(2) as threads:
            begun = list(
                threads.map(
                    lambda _, uuid=uuid: repair.begin(journal, Seen(uuid), PAYLOAD, CONTEXT),  # type: ignore[misc]
                    range(2),
                )
            )
        assert sum(each is not None for each in begun) == 1


def test_a_repair_is_due_at_once(journal: Journal, hints: Hints) -> None:
    add_server(journal.database, "one")
    operation = repair.begin(journal, Seen("one"), PAYLOAD, CONTEXT)
    [row] = operations(journal.database)
    assert (row.id, row.action, row.place) == (operation, "repair", "conductor")
    assert row.due_at <= now()
    assert (Place.CONDUCTOR, operation) in hints.sent


def test_what_was_put_right_above_is_told_in_the_journal(journal: Journal) -> None:
    add_server(journal.database, "one")
    repair.record(journal, "one", "vcpus 1", CONTEXT)
    [row] = operations(journal.database)
    assert (row.action, row.state, row.message) == ("repair", "done", None)
    with journal.database.read() as tx:
        [event] = rows.events(tx, rows.CELL, row.id)
    assert (event.result, event.details) == ("Success", "vcpus 1")


def test_only_what_nobody_has_in_hand_is_nudged(journal: Journal, hints: Hints) -> None:
    server = add_server(journal.database, "one")
    delete.begin(journal, server, CONTEXT)
    [row] = operations(journal.database)
    hints.sent.clear()

    def change(**values: object) -> None:
        journal.database.run(lambda tx: tx.execute(sa.update(instance_actions).values(**values)))

    later = now() + timedelta(hours=1)
    # In somebody's hands.
    change(owner="nova-compute@h", incarnation="i", claim="token", due_at=later)
    assert not journal.nudge(row.id)
    assert free_orphans(journal, "nova-compute@h", "another") == 0
    assert free_orphans(journal, "nova-compute@h", "i") == 1
    change(due_at=later)
    assert journal.nudge(row.id)
    # Waiting for one that is alive (itself), and for one that is not.
    change(blocked_by=row.id)
    assert not journal.nudge(row.id)
    change(blocked_by=999, due_at=later)
    assert journal.nudge(row.id)
    [after] = operations(journal.database)
    assert (after.blocked_by, after.claim) == (None, None)
    assert after.due_at <= now()
    assert hints.sent == [(Place.HOST, row.id)] * 2
    change(state="done")
    assert not journal.nudge(row.id)
    assert not journal.nudge(999)
