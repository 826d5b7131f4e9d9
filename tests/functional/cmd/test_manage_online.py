"""``nova-manage db online_data_migrations``, with migrations of the tests' own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from nova.cmd.manage import online
from nova.cmd.manage.deployment import Deployment

MIGRATE = ("db", "online_data_migrations")


def name_servers(deployment: Deployment, at_most: int) -> tuple[int, int]:
    """Gives nameless servers of the local cell a name."""
    with deployment.local_database().write() as tx:
        nameless = tx.execute(
            sa.text("SELECT id FROM instances WHERE display_name IS NULL ORDER BY id LIMIT :n"),
            {"n": at_most},
        ).scalars()
        ids = list(nameless)
        for number in ids:
            tx.execute(
                sa.text("UPDATE instances SET display_name = 'named' WHERE id = :id"),
                {"id": number},
            )
    return len(ids), len(ids)


def fail(deployment: Deployment, at_most: int) -> tuple[int, int]:
    raise RuntimeError("this cannot be migrated")


@pytest.fixture
def inject(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def put(**migrations: online.DataMigration) -> None:
        monkeypatch.setattr(online, "MIGRATIONS", migrations)

    return put


def test_all_rows_are_done_in_batches(manage: Any, inject: Callable[..., None]) -> None:
    manage.add_unmapped("cell1", 120)
    inject(name_servers=name_servers)
    ran = manage.succeed(*MIGRATE)
    edge = f"+--------------+{'-' * 14}+-----------+"
    assert ran.out.splitlines() == [
        "Running batches of 50 until complete",
        "50 rows matched query name_servers, 50 migrated",
        "50 rows matched query name_servers, 50 migrated",
        "20 rows matched query name_servers, 20 migrated",
        edge,
        "| Migration    | Total Needed | Completed |",
        edge,
        "| name_servers | 120          | 120       |",
        edge,
    ]
    assert manage.count("cell1", "instances WHERE display_name = 'named'") == 120


def test_with_a_count_it_exits_1_until_nothing_is_left(
    manage: Any, inject: Callable[..., None]
) -> None:
    manage.add_unmapped("cell1", 70)
    inject(name_servers=name_servers)
    portion = (*MIGRATE, "--max-count", "30")
    assert [manage(*portion).status for _ in range(4)] == [1, 1, 1, 0]


def test_the_count_is_shared_by_all_migrations(manage: Any, inject: Callable[..., None]) -> None:
    manage.add_unmapped("cell1", 7)
    inject(first=name_servers, second=name_servers)
    assert manage(*MIGRATE, "--max-count", "10").status == 1
    assert manage.count("cell1", "instances WHERE display_name = 'named'") == 7


def test_a_failure_is_told_and_the_others_run(manage: Any, inject: Callable[..., None]) -> None:
    manage.add_unmapped("cell1", 3)
    inject(broken=fail, name_servers=name_servers)
    ran = manage(*MIGRATE, "--max-count", "10")
    assert ran.status == 1
    assert "Error attempting to run broken: this cannot be migrated" in ran.out
    assert manage.count("cell1", "instances WHERE display_name = 'named'") == 3
    assert manage(*MIGRATE, "--max-count", "10").status == 2, "only the failure is left"
    assert manage(*MIGRATE).status == 2


@pytest.mark.parametrize("count", ["0", "-1"])
def test_a_bad_count_exits_127(manage: Any, count: str) -> None:
    ran = manage(*MIGRATE, "--max-count", count)
    assert ran.status == 127
    assert ran.line == "Must supply a positive value for max_count."


def test_this_release_leaves_nothing_to_be_done(manage: Any) -> None:
    assert (
        manage.succeed(*MIGRATE).out.splitlines()[2] == "| Migration | Total Needed | Completed |"
    )
