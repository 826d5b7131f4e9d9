"""The journal of the audit's repairs on real databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from groundwork.columns import now
from groundwork.database import Database
from nova.db.api import repairs
from nova.db.api.models import audit_repairs
from nova.db.api.repairs import RepairRecord

SOON = timedelta(minutes=1)


def begin(database: Database, subject: str, **more: Any) -> int:
    values: dict[str, Any] = {
        "request_id": "req-1",
        "check": "allocations",
        "kind": "allocation-orphaned",
        "subject": subject,
        "cell_uuid": None,
        "repair": {"repair": "DeleteAllocation", "seen": {"VCPU": 1}},
    }
    return database.run(lambda tx: repairs.begin(tx, **{**values, **more}))


def unfinished(database: Database) -> list[str]:
    with database.read() as tx:
        return [each.subject for each in repairs.unfinished(tx, before=now() + SOON)]


def newest(database: Database, limit: int = 10) -> list[RepairRecord]:
    with database.read() as tx:
        return list(repairs.newest(tx, limit))


def test_a_repair_is_known_before_and_after(api_database: Database) -> None:
    began = now()
    first = begin(api_database, "one")
    [record] = newest(api_database)
    assert began - SOON < record.begun_at < now() + SOON
    assert record == RepairRecord(
        id=first,
        request_id="req-1",
        check="allocations",
        kind="allocation-orphaned",
        subject="one",
        cell_uuid=None,
        repair={"repair": "DeleteAllocation", "seen": {"VCPU": 1}},
        begun_at=record.begun_at,
    )
    second = begin(api_database, "two", cell_uuid="11111111-1111-1111-1111-111111111111")
    assert unfinished(api_database) == ["one", "two"]
    with api_database.read() as tx:
        assert repairs.unfinished(tx, before=record.begun_at) == []
    assert api_database.run(lambda tx: repairs.end(tx, first, "its allocation was deleted"))
    assert unfinished(api_database) == ["two"]
    assert [(each.id, each.outcome, each.ended_at is None) for each in newest(api_database)] == [
        (second, None, True),
        (first, "its allocation was deleted", False),
    ]
    assert [each.id for each in newest(api_database, 1)] == [second]


def test_a_repair_ends_once(api_database: Database) -> None:
    record = begin(api_database, "one")

    def end(number: int) -> bool:
        return api_database.run(lambda tx: repairs.end(tx, record, f"as {number} says"))

    with ThreadPoolExecutor(8) as threads:
        ended = list(threads.map(end, range(8)))
    assert ended.count(True) == 1
    assert newest(api_database)[0].outcome == f"as {ended.index(True)} says"


def test_what_is_very_old_is_forgotten(api_database: Database) -> None:
    old = begin(api_database, "old")
    begin(api_database, "new")
    long_ago = now() - timedelta(days=366)
    with api_database.write() as tx:
        tx.execute(
            sa.update(audit_repairs).where(audit_repairs.c.id == old).values(begun_at=long_ago)
        )
    begin(api_database, "newest")
    assert [each.subject for each in newest(api_database)] == ["newest", "new"]
