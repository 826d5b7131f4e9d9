"""``nova-manage db``: deleted servers archived and purged."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from groundwork.columns import now
from nova.db.api import server_groups as server_group_queries
from nova.db.api.models import request_specs, server_groups
from nova.db.cell.models import (
    SHADOWS,
    instance_actions,
    instance_actions_events,
    instance_faults,
    tags,
)
from tests.functional.cmd.conftest import UNUSABLE_URLS

ARCHIVE = ("db", "archive_deleted_rows")
# Rows that ``add_old`` makes in a cell: the server, a fault, a tag, an action and two events of it.
ROWS = 6


def add_old(manage: Any, cell: str, uuid: str, *, lives: bool = False, state: str = "done") -> None:
    """A server with rows in every table; one that is deleted has been so since its turn came."""
    manage.add_server(cell, uuid, host="h", lives=lives)
    with manage.database("api").write() as tx:
        tx.execute(
            sa.insert(request_specs), {"instance_uuid": uuid, "spec": {}, "created_at": now()}
        )
    with manage.database(cell).write() as tx:
        tx.execute(sa.insert(tags), {"resource_id": uuid, "tag": "t"})
        fault = {"instance_uuid": uuid, "created_at": now(), "code": 500}
        tx.execute(sa.insert(instance_faults), fault)
        action = tx.execute(
            sa.insert(instance_actions),
            {
                "action": "delete",
                "instance_uuid": uuid,
                "request_id": f"req-{uuid}",
                "start_time": now(),
                "state": state,
            },
        ).inserted_primary_key[0]
        event = {"action_id": action, "event": "e", "start_time": now()}
        tx.execute(sa.insert(instance_actions_events), [event, event])


def living_rows(manage: Any, cell: str) -> int:
    return sum(manage.count(cell, name) for name in SHADOWS)


def shadow_rows(manage: Any, cell: str) -> int:
    return sum(manage.count(cell, shadow.name) for shadow in SHADOWS.values())


@pytest.fixture
def cell1(manage: Any) -> Any:
    """A deployment whose configured cell is mapped."""
    manage.make_cell("cell1")
    return manage


def test_deleted_servers_move_with_all_that_is_theirs(cell1: Any) -> None:
    """Archived rows are in the shadow tables, mappings and request specs are gone, living servers untouched."""
    add_old(cell1, "cell1", "dead")
    add_old(cell1, "cell1", "alive", lives=True)
    ran = cell1(*ARCHIVE, "--verbose")
    assert ran.status == 1
    edge = f"+{'-' * 26}+{'-' * 25}+"
    counts = {
        "API_DB.instance_mappings": 1,
        "API_DB.request_specs": 1,
        "instance_actions": 1,
        "instance_actions_events": 2,
        "instance_faults": 1,
        "instances": 1,
        "tags": 1,
    }
    assert ran.out.splitlines() == [
        edge,
        f"| {'Table':24} | Number of Rows Archived |",
        edge,
        *(f"| {name:24} | {rows:<23} |" for name, rows in counts.items()),
        edge,
    ]
    assert (living_rows(cell1, "cell1"), shadow_rows(cell1, "cell1")) == (ROWS, ROWS)
    for table in ("instance_mappings", "request_specs"):
        assert cell1.count("api", f"{table} WHERE instance_uuid = 'alive'") == 1
        assert cell1.count("api", table) == 1
    assert cell1.count("cell1", "shadow_instance_actions_events WHERE server_uuid = 'dead'") == 2

    again = cell1(*ARCHIVE, "--verbose")
    assert (again.status, again.out) == (0, "Nothing was archived.\n")


def test_archived_columns_are_those_of_the_server(cell1: Any) -> None:
    add_old(cell1, "cell1", "dead")
    with cell1.database("cell1").read() as tx:
        before = tx.execute(sa.text("SELECT * FROM instances")).one()._asdict()
    assert cell1(*ARCHIVE).status == 1
    with cell1.database("cell1").read() as tx:
        after = tx.execute(sa.text("SELECT * FROM shadow_instances")).one()._asdict()
    assert {name: after[name] for name in before} == before


def test_a_run_takes_whole_servers_up_to_max_rows(cell1: Any) -> None:
    for number in range(5):
        add_old(cell1, "cell1", f"dead-{number}")
    portion = (*ARCHIVE, "--max_rows", str(2 * ROWS + 3))
    statuses = []
    for left in (3, 1, 0, 0):
        statuses.append(cell1(*portion).status)
        assert living_rows(cell1, "cell1") == left * ROWS
    assert statuses == [1, 1, 1, 0]


def test_a_server_with_more_rows_than_max_rows_is_archived_by_itself(cell1: Any) -> None:
    for number in range(2):
        add_old(cell1, "cell1", f"dead-{number}")
    assert cell1(*ARCHIVE, "--max_rows", "1").status == 1
    assert living_rows(cell1, "cell1") == ROWS


def test_until_complete_in_all_cells_shows_dots_and_names_cells(cell1: Any) -> None:
    """Two cells and cell0 are emptied in batches; the table tells the rows of each."""
    cell1.make_cell("cell2")
    add_old(cell1, "cell0", "buried")
    for number in range(3):
        add_old(cell1, "cell1", f"one-{number}")
        add_old(cell1, "cell2", f"two-{number}")
    everywhere = (*ARCHIVE, "--all-cells", "--verbose", "--max_rows", str(ROWS))
    ran = cell1(*everywhere, "--until-complete")
    assert ran.status == 1
    assert ran.out.splitlines()[0] == ".......complete"
    for cell, servers in (("cell0", 1), ("cell1", 3), ("cell2", 3)):
        assert f"| {cell}.instances               | {servers} " in ran.out
        assert (living_rows(cell1, cell), shadow_rows(cell1, cell)) == (0, servers * ROWS)
    assert cell1.count("api", "instance_mappings") == 0
    assert cell1(*everywhere, "--until-complete").out == "Nothing was archived.\n"


def test_without_all_cells_only_the_configured_cell_is_archived(cell1: Any) -> None:
    cell1.make_cell("cell2")
    add_old(cell1, "cell2", "two")
    assert cell1(*ARCHIVE).status == 0
    assert living_rows(cell1, "cell2") == ROWS


def test_only_servers_deleted_before_the_date_are_archived(cell1: Any) -> None:
    for uuid, year in (("old", 2020), ("young", 2024)):
        add_old(cell1, "cell1", uuid)
        moment = datetime(year, 3, 1, 12, 0, tzinfo=UTC).replace(tzinfo=None)
        cell1.execute(
            "cell1",
            "UPDATE instances SET deleted_at = :at WHERE uuid = :uuid",
            at=f"{moment.isoformat(sep=' ')}.000000",
            uuid=uuid,
        )
    assert cell1(*ARCHIVE, "--before", "2020-03-01 11:00").status == 0
    assert cell1(*ARCHIVE, "--before", "Mar 2 2020").status == 1
    assert cell1.count("cell1", "shadow_instances WHERE uuid = 'old'") == 1
    assert cell1.count("cell1", "instances") == 1
    purge = ("db", "purge", "--before")
    assert cell1(*purge, "2020-02-01").status == 3
    assert cell1(*purge, "2020-04-01").status == 0


def test_a_server_somebody_still_works_on_is_left(cell1: Any) -> None:
    add_old(cell1, "cell1", "busy", state="running")
    assert cell1(*ARCHIVE).status == 0
    assert living_rows(cell1, "cell1") == ROWS


def test_archiving_goes_on_where_an_interrupted_run_stopped(cell1: Any) -> None:
    """The mapping goes first: a server that only lost it is archived by the next run."""
    add_old(cell1, "cell1", "dead")
    cell1.execute("api", "DELETE FROM instance_mappings")
    assert cell1(*ARCHIVE).status == 1
    assert (living_rows(cell1, "cell1"), cell1.count("api", "request_specs")) == (0, 0)


@pytest.mark.parametrize("url", ["rubbish", "sqlite:////nowhere/lost.db"])
def test_a_cell_that_is_lost_keeps_no_other_from_being_archived_and_purged(
    cell1: Any, url: str
) -> None:
    """It is told, and the status is that of no result."""
    lost = cell1.make_cell("cell2")
    cell1.make_cell("cell3")
    change = "UPDATE cell_mappings SET database_connection = :url WHERE name = 'cell2'"
    cell1.execute("api", change, url=url)
    for cell in ("cell1", "cell3"):
        add_old(cell1, cell, f"dead-{cell}")

    ran = cell1(*ARCHIVE, "--all-cells", "--until-complete", "--verbose")
    assert ran.status == 255
    (told,) = [line for line in ran.err.splitlines() if line.startswith("ERROR: ")]
    assert lost in told
    assert "| cell3.instances " in ran.out

    ran = cell1("db", "purge", "--all", "--all-cells", "--verbose")
    assert ran.status == 255
    assert "Deleted 1 rows from cell3.shadow_instances" in ran.out
    assert lost in ran.err


def test_archived_servers_are_members_of_nothing(cell1: Any) -> None:
    add_old(cell1, "cell1", "dead")
    add_old(cell1, "cell1", "alive", lives=True)
    with cell1.database("api").write() as tx:
        made = tx.execute(
            sa.insert(server_groups),
            {
                "uuid": "group",
                "project_id": "p",
                "user_id": "u",
                "name": "g",
                "policy": "affinity",
                "created_at": now(),
            },
        )
        server_group_queries.join(tx, made.inserted_primary_key[0], ["dead", "alive"])
    ran = cell1(*ARCHIVE, "--verbose")
    assert "| API_DB.server_group_members | 1 " in ran.out
    assert cell1.count("api", "server_group_members WHERE server_uuid = 'alive'") == 1
    assert cell1.count("api", "server_group_members") == 1


def test_archive_exit_statuses_for_bad_input(cell1: Any) -> None:
    for rows in ("0", "-1", "many"):
        assert cell1(*ARCHIVE, "--max_rows", rows).status == 2
    for date in ("yesterday", "", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"):
        ran = cell1(*ARCHIVE, "--before", date)
        assert ran.status == 4
        assert f"'{date}' is no date" in ran.line
        assert ran.err == ""
    cell1.config.write_text(f"[database]\nconnection = {cell1.url('cell1')}\n")
    ran = cell1(*ARCHIVE)
    assert ran.status == 3
    assert "[api_database]/connection" in ran.line


def test_purge_after_archiving_leaves_nothing(cell1: Any) -> None:
    add_old(cell1, "cell1", "dead")
    ran = cell1(*ARCHIVE, "--purge", "--verbose")
    assert ran.status == 1
    assert ran.out.splitlines()[-5:] == [
        "Deleted 1 rows from shadow_instance_actions",
        "Deleted 2 rows from shadow_instance_actions_events",
        "Deleted 1 rows from shadow_instance_faults",
        "Deleted 1 rows from shadow_instances",
        "Deleted 1 rows from shadow_tags",
    ]
    assert shadow_rows(cell1, "cell1") == 0


def test_purge_exit_statuses(cell1: Any) -> None:
    """0 rows deleted; 1 neither --all nor --before; 2 bad date; 3 nothing; 4 no API database"""
    add_old(cell1, "cell1", "dead")
    cell1(*ARCHIVE)
    assert cell1("db", "purge").status == 1
    assert cell1("db", "purge", "--before", "soon").status == 2
    ran = cell1("db", "purge", "--all", "--all-cells", "--verbose")
    assert ran.status == 0
    assert "Deleted 1 rows from cell1.shadow_instances" in ran.out
    assert cell1("db", "purge", "--all").status == 3
    cell1.config.write_text(f"[database]\nconnection = {cell1.url('cell1')}\n")
    assert cell1("db", "purge", "--all", "--all-cells").status == 4


@pytest.mark.parametrize("url", UNUSABLE_URLS)
def test_an_api_database_whose_url_leads_nowhere_has_its_statuses(cell1: Any, url: str) -> None:
    config = cell1.config.read_text()
    cell1.config.write_text(config.replace(cell1.url("api"), url))
    for words, status in ((ARCHIVE, 3), (("db", "purge", "--all", "--all-cells"), 4)):
        ran = cell1(*words)
        assert ran.status == status
        assert ran.line.startswith("The API database cannot be used: The URL in [api_database]")
