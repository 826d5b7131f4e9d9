"""Usage out of real databases: every engine pages along the launch times as a sorted list would."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from groundwork.database import Database
from nova.db.cell import servers, usage
from nova.db.cell.usage import ServerUsage, UsageQuery
from tests.api.deployment import make_server

NOW = datetime(2026, 3, 1, 12, 0, 0, 5, tzinfo=UTC)
EVER = UsageQuery(start=NOW - timedelta(days=9), end=NOW + timedelta(days=9))


@pytest.mark.parametrize("limit", [2, 100])
def test_pages_follow_launch_times(cell_database: Database, limit: int) -> None:
    times = [NOW + timedelta(microseconds=at // 2) for at in range(5)]
    made = [make_server(launched_at=time) for time in times]
    with cell_database.write() as tx:
        for server in [*made, make_server()]:
            servers.insert_if_absent(tx, server)
    seen: list[ServerUsage] = []
    query = replace(EVER, limit=limit)
    while True:
        with cell_database.read() as tx:
            page = usage.page(tx, query)
        if not page:
            break
        assert len(page) <= limit
        seen += page
        query = replace(query, after=(page[-1].launched_at, page[-1].uuid))
    expected = sorted((server.launched_at, server.uuid) for server in made)
    assert [(row.launched_at, row.uuid) for row in seen] == expected


def test_only_servers_of_the_period_and_the_project(cell_database: Database) -> None:
    before = make_server(launched_at=NOW - timedelta(hours=9), terminated_at=NOW, deleted=3)
    within = make_server(launched_at=NOW, terminated_at=NOW + timedelta(hours=1), deleted=4)
    alien = make_server(launched_at=NOW, project_id="other")
    after = make_server(launched_at=NOW + timedelta(hours=2))
    with cell_database.write() as tx:
        for server in (before, within, alien, after):
            servers.insert_if_absent(tx, server)
    period = UsageQuery(start=NOW, end=NOW + timedelta(hours=2))
    with cell_database.read() as tx:
        assert {row.uuid for row in usage.page(tx, period)} == {within.uuid, alien.uuid}
        [row] = usage.page(tx, replace(period, project_id="other"))
    assert row == ServerUsage(
        uuid=alien.uuid,
        project_id="other",
        name="server",
        flavor_name="m1",
        vcpus=2,
        memory_mb=512,
        disk_gb=15,
        launched_at=NOW,
        ended_at=None,
        vm_state="active",
    )
