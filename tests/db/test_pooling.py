"""Connections that are neither tried nor cleared each time, on real databases."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pymysql
import pytest
import sqlalchemy as sa
from oslo_db import exception as db_exc

from groundwork import pooling
from groundwork.database import Database, Transaction

# What ends another connection, by dialect.
END = {"mysql": "KILL {0}", "postgresql": "SELECT pg_terminate_backend({0})"}
OWN_ID = {"mysql": "SELECT connection_id()", "postgresql": "SELECT pg_backend_pid()"}

NOTES = sa.Table("pooling_notes", sa.MetaData(), sa.Column("text", sa.String(20)))


# A file of SQLite has no server that could close connections.
pytestmark = pytest.mark.parametrize("engine_name", END)


@pytest.fixture
def database_url(make_database_url: Callable[[], str]) -> str:
    """Where an empty database is."""
    return make_database_url()


@pytest.fixture
def narrow(database_url: str) -> Iterator[Database]:
    """A database with a single connection, so that everybody gets the one that is looked at."""
    database = Database(database_url, max_pool_size=1, max_overflow=0)
    NOTES.create(database.engine)
    yield database
    NOTES.drop(database.engine)
    database.dispose()


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What ends transactions, as the driver of MariaDB sends it; psycopg2 sends it out of our sight."""
    texts: list[str] = []
    for word in ("commit", "rollback"):
        end = getattr(pymysql.connections.Connection, word)

        def seen(connection: Any, end: Any = end, word: str = word) -> None:
            texts.append(word.upper())
            end(connection)

        monkeypatch.setattr(pymysql.connections.Connection, word, seen)
    return texts


def own_id(database: Database) -> int:
    """The server's number of the pool's only connection."""
    with database.write() as tx:
        return int(tx.execute(sa.text(OWN_ID[tx.dialect])).scalar_one())


def end(url: str, number: int) -> None:
    """What a restarted server does to a connection."""
    other = sa.create_engine(url, poolclass=sa.pool.NullPool)
    with other.connect() as connection:
        connection.exec_driver_sql(END[connection.dialect.name].format(number))
    # It is gone a moment after the statement has returned.
    time.sleep(0.2)


def write(tx: Transaction) -> None:
    tx.execute(sa.insert(NOTES).values(text="written"))


def count(database: Database) -> int:
    with database.read() as tx:
        return int(tx.execute(sa.select(sa.func.count()).select_from(NOTES)).scalar_one())


def test_a_connection_that_was_closed_while_it_lay_idle_is_replaced(
    narrow: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    end(database_url, own_id(narrow))
    monkeypatch.setattr(pooling, "_TRUSTED_S", 0.0)
    with narrow.write() as tx:
        write(tx)
    assert count(narrow) == 1


def test_work_on_a_connection_that_was_just_closed_is_done_on_another(
    narrow: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pooling, "_TRUSTED_S", 3600.0)
    end(database_url, own_id(narrow))
    narrow.run(write)
    assert count(narrow) == 1


def test_a_connection_comes_back_with_nothing_of_a_transaction_that_failed(
    narrow: Database,
) -> None:
    def fail() -> None:
        with narrow.write() as tx:
            write(tx)
            raise RuntimeError

    before = own_id(narrow)
    with pytest.raises(RuntimeError):
        fail()
    assert own_id(narrow) == before
    assert count(narrow) == 0


def test_a_reader_comes_back_without_its_snapshot(narrow: Database, database_url: str) -> None:
    assert count(narrow) == 0
    other = Database(database_url)
    other.run(write)
    other.dispose()
    assert count(narrow) == 1


def test_a_block_that_commits_leaves_nothing_to_commit_and_nothing_to_take_back(
    narrow: Database, sent: list[str]
) -> None:
    with narrow.write() as tx:
        if not tx.takes_blocks:
            return
        sent.clear()  # The first connection was tried out.
        tx.commit_block("INSERT INTO pooling_notes VALUES (%s)", parameters=("in a block",))
    assert sent == []
    assert count(narrow) == 1


def test_the_transaction_after_such_a_block_is_committed_as_ever(narrow: Database) -> None:
    with narrow.write() as tx:
        if tx.takes_blocks:
            tx.commit_block("INSERT INTO pooling_notes VALUES (%s)", parameters=("in a block",))
    before = count(narrow)
    narrow.run(write)
    assert count(narrow) == before + 1


def test_a_block_that_fails_commits_nothing(narrow: Database) -> None:
    def fail() -> None:
        with narrow.write() as tx:
            write(tx)
            if not tx.takes_blocks:
                raise sa.exc.DatabaseError("", {}, RuntimeError())
            tx.commit_block("INSERT INTO pooling_notes VALUES (1, 2, 3)")

    with pytest.raises((db_exc.DBError, sa.exc.DatabaseError)):
        fail()
    assert count(narrow) == 0


def test_a_reader_neither_begins_nor_ends_anything(narrow: Database, sent: list[str]) -> None:
    assert count(narrow) == 0
    sent.clear()  # The first connection was tried out.
    assert count(narrow) == 0
    assert sent == []
