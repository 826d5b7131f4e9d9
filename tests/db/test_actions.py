"""Reading the journal of a cell."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from groundwork.database import Database, Transaction
from groundwork.errors import Invalid
from nova.db.cell import actions
from nova.db.cell.actions import ActionQuery
from nova.db.cell.models import instance_actions, instance_actions_events

NOW = datetime(2026, 3, 1, 12, 0, 0, 500000, tzinfo=UTC)


def add(tx: Transaction, server: str, request: str, second: int, **more: Any) -> int:
    row = tx.execute(
        sa.insert(instance_actions).values(
            action="stop",
            instance_uuid=server,
            request_id=request,
            start_time=NOW + timedelta(seconds=second),
            state="done",
            **more,
        )
    )
    return int(row.inserted_primary_key[0])


def requests(tx: Transaction, **query: Any) -> list[str]:
    return [row.request_id for row in actions.page(tx, "s1", ActionQuery(**query))]


def test_actions_come_newest_first_page_by_page(cell_database: Database) -> None:
    with cell_database.write() as tx:
        # Two of them begin at the same moment: the one stored later is the newer one.
        for request, second in (("a", 3), ("b", 1), ("c", 2), ("d", 2)):
            add(tx, "s1", request, second)
        add(tx, "s2", "x", 9)
        assert requests(tx) == ["a", "d", "c", "b"]
        assert requests(tx, limit=2) == ["a", "d"]
        assert requests(tx, limit=2, marker="d") == ["c", "b"]
        assert requests(tx, limit=2, marker="b") == []
        assert requests(tx, limit=0) == []
        with pytest.raises(Invalid):
            requests(tx, marker="x")


def test_time_of_change_is_bounded_on_both_sides(cell_database: Database) -> None:
    with cell_database.write() as tx:
        add(tx, "s1", "unchanged", 1)
        add(tx, "s1", "changed", 2, updated_at=NOW + timedelta(seconds=10))
        second = NOW + timedelta(seconds=1)
        assert requests(tx, changes_since=second) == ["changed", "unchanged"]
        assert requests(tx, changes_since=second + timedelta(microseconds=1)) == ["changed"]
        assert requests(tx, changes_before=second) == ["unchanged"]
        assert requests(tx, changes_before=second - timedelta(microseconds=1)) == []


def test_action_is_found_with_its_events(cell_database: Database) -> None:
    with cell_database.write() as tx:
        action_id = add(tx, "s1", "a", 1, user_id="u", project_id="p", message="Error")
        for second, result in ((1, "Success"), (2, None)):
            tx.execute(
                sa.insert(instance_actions_events).values(
                    action_id=action_id,
                    event=f"step {second}",
                    start_time=NOW + timedelta(seconds=second),
                    result=result,
                )
            )
        found = actions.find(tx, "s1", "a")
        assert found is not None
        assert (found.id, found.user_id, found.project_id, found.message) == (
            action_id,
            "u",
            "p",
            "Error",
        )
        events = actions.events(tx, action_id)
        assert actions.find(tx, "s2", "a") is None
    assert [(event.event, event.result) for event in events] == [
        ("step 2", None),
        ("step 1", "Success"),
    ]
