"""SQLite for many threads and processes."""

from __future__ import annotations

import random
import sqlite3
import threading
import time
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import sqlalchemy as sa
from oslo_db.sqlalchemy import exc_filters
from sqlalchemy.engine import URL, make_url

from groundwork.patterns import contains

# Seconds that an SQLite connection waits for the write lock. Shorter gives "database is locked" under load.
_BUSY_S = 30

# Longest pause between two tries for a lock for which SQLite does not wait itself.
_PAUSE_S = 0.05

# One lock for each SQLite file that this process writes. SQLite itself only polls for its lock, with growing pauses and
# without a queue: eight writing threads then wait three times as long as they work.
_TURNS: dict[str, threading.Lock] = {}


def turn_of(url: str) -> AbstractContextManager[object]:
    """What a writer of this database holds besides its transaction."""
    if make_url(url).get_backend_name() != "sqlite":
        return nullcontext()
    return _TURNS.setdefault(url, threading.Lock())


def read_only(url: URL) -> str:
    """The URL by which the same file is opened for reading alone."""
    return f"sqlite:///file:{url.database}?mode=ro&uri=true"


def make_engine(url: str, *, writes: bool, synchronous: bool) -> sa.Engine:
    """SQLite made safe for many threads and processes: WAL, a long busy wait, writers that begin as writers.

    A transaction that begins as a reader and then writes fails at once when somebody else wrote in between, whatever
    the busy wait; so the writing engine begins with BEGIN IMMEDIATE. The driver's own implicit BEGIN is turned off.
    """
    memory = make_url(url).database in (None, "", ":memory:")
    pool: dict[str, Any] = (
        {"poolclass": sa.pool.StaticPool}
        if memory
        else {"poolclass": sa.pool.QueuePool, "pool_size": 20, "max_overflow": 50}
    )
    engine = sa.create_engine(
        url,
        connect_args={"timeout": _BUSY_S, "check_same_thread": False},
        **pool,
    )

    @sa.event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute("PRAGMA case_sensitive_like=OFF")
        if writes and not memory:
            _switch_to_wal(cursor)
            cursor.execute(f"PRAGMA synchronous={'NORMAL' if synchronous else 'OFF'}")
        cursor.close()
        connection.create_function("regexp", 2, _regexp)

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    exc_filters.register_engine(engine)
    return engine


def _switch_to_wal(cursor: Any) -> None:
    """Let the file have a write-ahead log; nothing happens when it has one.

    For this one statement SQLite does not wait while others hold the file: processes that open a new file at the same
    moment would refuse each other.
    """
    deadline = time.monotonic() + _BUSY_S
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as exc:
            if "locked" not in str(exc) or time.monotonic() > deadline:
                raise
        time.sleep(random.uniform(0, _PAUSE_S))


def _regexp(pattern: str, value: Any) -> bool:
    return value is not None and contains(str(value), pattern)
