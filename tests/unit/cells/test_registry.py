"""The cells as the API database has them, read again every few seconds and at need."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from groundwork.database import Database, Transaction
from groundwork.errors import NotFound
from nova.cells.registry import CELL0_UUID, Registry
from nova.db.api.models import METADATA, cell_mappings

CELL1 = "11111111-1111-1111-1111-111111111111"
CELL2 = "22222222-2222-2222-2222-222222222222"
# Longer than anything stays unseen.
A_WHILE_S = 10.0


class CountingDatabase(Database):
    """Knows how often it was read."""

    reads = 0

    def read(self):  # type: ignore[no-untyped-def]
        self.reads += 1
        return super().read()


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def database(tmp_path: Path) -> Iterator[CountingDatabase]:
    found = CountingDatabase(f"sqlite:///{tmp_path}/api.db")
    METADATA.create_all(found.engine, tables=[cell_mappings])
    add(found, CELL0_UUID, "cell0", transport_url="none:///")
    add(found, CELL1, "one")
    yield found
    found.dispose()


def add(database: Database, uuid: str, name: str, *, transport_url: str = "rabbit://h/") -> None:
    def insert(tx: Transaction) -> None:
        tx.execute(
            sa.insert(cell_mappings).values(
                uuid=uuid,
                name=name,
                transport_url=transport_url,
                database_connection=f"sqlite:///{name}.db",
                created_at=datetime(2026, 3, 1, tzinfo=UTC),
            )
        )

    database.run(insert)


def test_cell0_is_told_from_the_cells_that_hold_hosts(database: Database) -> None:
    registry = Registry(database)
    assert [cell.name for cell in registry.all()] == ["cell0", "one"]
    assert [cell.name for cell in registry.real()] == ["one"]
    assert registry.cell0().is_cell0
    assert registry.by_uuid(CELL1) == registry.by_id(registry.by_uuid(CELL1).id)


def test_reading_is_not_repeated_while_it_is_fresh(database: CountingDatabase) -> None:
    clock = Clock()
    registry = Registry(database, clock=clock)
    for _ in range(5):
        registry.all()
        registry.by_uuid(CELL1)
    assert database.reads == 1
    clock.now += A_WHILE_S
    registry.all()
    registry.all()
    assert database.reads == 2


def test_new_cell_is_seen_after_a_while_and_at_once_when_it_is_asked_for(
    database: Database,
) -> None:
    clock = Clock()
    registry = Registry(database, clock=clock)
    registry.all()
    add(database, CELL2, "two")
    assert [cell.name for cell in registry.all()] == ["cell0", "one"]
    assert registry.by_uuid(CELL2).name == "two"
    assert [cell.name for cell in registry.all()] == ["cell0", "one", "two"]
    add(database, CELL2.replace("2", "3"), "three")
    clock.now += A_WHILE_S
    assert [cell.name for cell in registry.real()] == ["one", "two", "three"]


def test_changed_mapping_is_seen_after_forgetting(database: Database) -> None:
    registry = Registry(database, clock=Clock())
    assert not registry.by_uuid(CELL1).disabled
    database.run(lambda tx: tx.execute(sa.update(cell_mappings).values(disabled=True)))
    assert not registry.by_uuid(CELL1).disabled
    registry.forget()
    assert registry.by_uuid(CELL1).disabled


def test_absent_cell_is_not_found_after_one_more_look(database: CountingDatabase) -> None:
    registry = Registry(database, clock=Clock())
    registry.all()
    with pytest.raises(NotFound, match=CELL2):
        registry.by_uuid(CELL2)
    assert database.reads == 2
    with pytest.raises(NotFound, match="77"):
        registry.by_id(77)


def test_stored_urls_are_filled_from_our_own(database: Database) -> None:
    registry = Registry(
        database,
        fill=lambda stored, local: f"{stored}+{local}",
        local_database_url="db",
        local_transport_url="mq",
    )
    cell = registry.by_uuid(CELL1)
    assert (cell.database_url, cell.transport_url) == ("sqlite:///one.db+db", "rabbit://h/+mq")


def test_many_threads_share_one_reading(database: CountingDatabase) -> None:
    registry = Registry(database, clock=Clock())
    start = threading.Barrier(16)
    seen: list[int] = []

    def look() -> None:
        start.wait(timeout=30)
        seen.append(len(registry.all()))

    threads = [threading.Thread(target=look) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert seen == [2] * 16
    assert database.reads == 1


def test_whoever_wants_to_know_is_told_at_every_reading(database: Database) -> None:
    told: list[list[str]] = []
    registry = Registry(
        database, on_read=lambda cells: told.append([cell.name for cell in cells]), clock=Clock()
    )
    registry.all()
    registry.all()
    add(database, CELL2, "two")
    registry.by_uuid(CELL2)
    assert told == [["cell0", "one"], ["cell0", "one", "two"]]
