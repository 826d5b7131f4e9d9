from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from oslo_db import exception as db_exc

from groundwork.database import Database, Transaction

METADATA = sa.MetaData()
COUNTERS = sa.Table(
    "counters",
    METADATA,
    sa.Column("name", sa.String(10), primary_key=True),
    sa.Column("value", sa.Integer),
)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path}/counters.db")
    METADATA.create_all(database.engine)
    with database.write() as tx:
        tx.execute(sa.insert(COUNTERS).values(name="a", value=0))
    yield database
    database.dispose()


def value(database: Database) -> int:
    with database.read() as tx:
        return int(tx.execute(sa.select(COUNTERS.c.value)).scalar_one())


def increase(tx: Transaction) -> None:
    """Read, then write: safe only because a writing transaction is a writer from its beginning."""
    found = tx.execute(sa.select(COUNTERS.c.value)).scalar_one()
    tx.execute(sa.update(COUNTERS).values(value=found + 1))


def test_writers_in_many_threads_lose_no_update(database: Database) -> None:
    def work() -> None:
        for _ in range(25):
            database.run(increase)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert value(database) == 200


def test_a_new_file_that_another_process_is_opening_is_waited_for(tmp_path: Path) -> None:
    """Seen as "database is locked" when services that share a file started for the first time together."""
    path = tmp_path / "new.db"
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("CREATE TABLE theirs (id INTEGER)")
    other.execute("BEGIN IMMEDIATE")
    release = threading.Timer(0.3, lambda: other.execute("COMMIT"))
    release.start()
    database = Database(f"sqlite:///{path}")
    try:
        METADATA.create_all(database.engine)
        with database.read() as tx:
            assert tx.execute(sa.text("PRAGMA journal_mode")).scalar_one() == "wal"
    finally:
        release.join()
        other.close()
        database.dispose()


def test_a_reader_does_not_wait_for_the_writer(database: Database) -> None:
    with database.write() as tx:
        increase(tx)
        assert value(database) == 0
    assert value(database) == 1


def test_a_reading_transaction_cannot_write(database: Database) -> None:
    with database.read() as tx, pytest.raises(sa.exc.OperationalError, match="readonly"):
        increase(tx)


def test_effects_run_after_the_commit(database: Database) -> None:
    seen: list[int] = []
    with database.write() as tx:
        tx.after_commit(lambda: seen.append(value(database)))
        increase(tx)
        assert seen == []
    assert seen == [1]


def test_effects_of_a_rollback_never_run(database: Database) -> None:
    seen: list[int] = []

    def fail() -> None:
        with database.write() as tx:
            tx.after_commit(lambda: seen.append(2))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert seen == []


def test_refused_work_runs_again_in_a_fresh_transaction(database: Database) -> None:
    tries: list[Transaction] = []

    def work(tx: Transaction) -> str:
        tries.append(tx)
        increase(tx)
        if len(tries) < 3:
            raise db_exc.DBDeadlock
        return "done"

    assert database.run(work) == "done"
    assert len(set(map(id, tries))) == 3
    assert value(database) == 1


def test_other_errors_are_not_cured_by_repeating(database: Database) -> None:
    tries = []

    def work(tx: Transaction) -> None:
        tries.append(1)
        tx.execute(sa.insert(COUNTERS).values(name="a", value=1))

    with pytest.raises(db_exc.DBDuplicateEntry):
        database.run(work)
    assert len(tries) == 1


def test_a_refusal_without_end_comes_through(database: Database) -> None:
    def work(tx: Transaction) -> None:
        raise db_exc.DBDeadlock

    with pytest.raises(db_exc.DBDeadlock):
        database.run(work)
