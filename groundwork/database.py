"""Databases and transactions: SQLAlchemy Core over engines that oslo.db makes.

Transactions are explicit and short: ``read()`` and ``write()`` give one, ``run()`` repeats a piece of work in a
fresh transaction when the database refused it for reasons that a repetition cures. Re-reading inside the refused
transaction would show the old snapshot again, so the work is always started anew.
"""

from __future__ import annotations

import logging
import random
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import sqlalchemy as sa
from oslo_db import exception as db_exc
from oslo_db.sqlalchemy import engines
from sqlalchemy.engine import make_url

from groundwork import sqlite
from groundwork.pooling import is_over, with_prompt_pool, without_transactions
from groundwork.sessions import end_long_statements, read_committed

LOG = logging.getLogger(__name__)
T = TypeVar("T")

# Too few and a busy Galera cluster turns away work that the next try would do; too many and a request outlives its
# client. Ten tries with the pauses below take about three seconds.
_TRIES = 10
_FIRST_PAUSE_S = 0.005
_LONGEST_PAUSE_S = 0.5


class Transaction:
    """One open transaction. Query functions take it first and never end it."""

    def __init__(
        self, connection: sa.Connection, lasting: dict[str, dict[Any, Any]] | None = None
    ) -> None:
        """``lasting``: what this database has that never changes, as far as somebody has read it; by kind."""
        self._connection = connection
        self.lasting = {} if lasting is None else lasting
        self._effects: list[Callable[[], None]] = []

    @property
    def connection(self) -> sa.Connection:
        """What it runs on: for this package, which knows how drivers differ."""
        return self._connection

    @property
    def dialect(self) -> str:
        """``sqlite``, ``mysql`` or ``postgresql``."""
        return self._connection.dialect.name

    def execute(self, statement: sa.Executable, parameters: Any = None) -> sa.CursorResult[Any]:
        """Run a statement; ``parameters`` is a mapping, or a list of mappings for many rows."""
        return self._connection.execute(statement, parameters)

    @property
    def takes_blocks(self) -> bool:
        """Whether :meth:`execute_block` can be used: MariaDB has compound statements outside of procedures."""
        return bool(getattr(self._connection.dialect, "is_mariadb", False))

    def execute_block(
        self, *statements: str, parameters: Sequence[object] = ()
    ) -> sa.CursorResult[Any]:
        """Run several statements in one trip; the result is that of the one that selects, if any.

        They are as the driver takes them, with ``%s`` for each of all ``parameters``. Each sees what was committed
        when it began, as if it had been sent alone. The first that fails ends the block.
        """
        return self._connection.exec_driver_sql(
            f"BEGIN NOT ATOMIC {'; '.join(statements)}; END", tuple(parameters)
        )

    def commit_block(self, *statements: str, parameters: Sequence[object] = ()) -> None:
        """The same, and commit in the same trip. The last that is done in this transaction."""
        self.execute_block(*statements, "COMMIT", parameters=parameters)
        is_over(self._connection)

    def after_commit(self, effect: Callable[[], None]) -> None:
        """Do ``effect`` (a cast, a notification) once this transaction is durable, and never if it rolls back."""
        self._effects.append(effect)

    def run_effects(self) -> None:
        """Run what was registered; called by the database after the commit."""
        for effect in self._effects:
            effect()


class Database:
    """One logical database (the API's, one cell's, Placement's) with its connection pools.

    Thread safe; connections are opened on first use, so an object costs nothing before a process forks.
    """

    def __init__(
        self,
        url: str,
        *,
        slave_url: str | None = None,
        max_pool_size: int | None = 5,
        max_overflow: int | None = 50,
        pool_timeout: int | None = None,
        connection_recycle_time: int = 3600,
        max_retries: int = 10,
        retry_interval: int = 10,
        mysql_sql_mode: str = "TRADITIONAL",
        connection_parameters: str = "",
        sqlite_synchronous: bool = True,
        connection_debug: int = 0,
        connection_trace: bool = False,
        longest_read_s: float | None = None,
    ) -> None:
        """``longest_read_s``: a statement of :meth:`read` that takes longer is ended by the server (MariaDB, MySQL,
        PostgreSQL), see :func:`groundwork.sessions.was_cut_off`.
        """
        self.url = _complete(_with_parameters(url, connection_parameters))
        self._slave_url = (
            _complete(_with_parameters(slave_url, connection_parameters)) if slave_url else None
        )
        self._turn = sqlite.turn_of(self.url)
        self._options = {
            "connection_recycle_time": connection_recycle_time,
            "max_retries": max_retries,
            "retry_interval": retry_interval,
            "mysql_sql_mode": mysql_sql_mode,
            "connection_debug": connection_debug,
            "connection_trace": connection_trace,
            # Threads are native; giving way at each check-in is for green ones.
            "thread_checkin": False,
        }
        self._pool = {
            "max_pool_size": max_pool_size,
            "max_overflow": max_overflow,
            "pool_timeout": pool_timeout,
        }
        self._sqlite_synchronous = sqlite_synchronous
        self._longest_read_s = longest_read_s
        self._writer: sa.Engine | None = None
        self._reader: sa.Engine | None = None
        self._engines: list[sa.Engine] = []
        self._making = threading.RLock()
        self.lasting: dict[str, dict[Any, Any]] = {}

    @classmethod
    def from_conf(
        cls,
        group: Any,
        *,
        url: str | None = None,
        max_retries: int | None = None,
        longest_read_s: float | None = None,
    ) -> Database:
        """The database that an option group with oslo.db's known names describes; what is given overrides its own."""
        return cls(
            url or group.connection,
            slave_url=None if url else group.slave_connection,
            max_pool_size=group.max_pool_size,
            max_overflow=group.max_overflow,
            pool_timeout=group.pool_timeout,
            connection_recycle_time=group.connection_recycle_time,
            max_retries=group.max_retries if max_retries is None else max_retries,
            retry_interval=group.retry_interval,
            mysql_sql_mode=group.mysql_sql_mode,
            connection_parameters=group.connection_parameters,
            sqlite_synchronous=group.sqlite_synchronous,
            connection_debug=group.connection_debug,
            connection_trace=group.connection_trace,
            longest_read_s=longest_read_s,
        )

    @property
    def engine(self) -> sa.Engine:
        """The writing engine, for migrations."""
        found = self._writer
        if found is None:
            with self._making:
                found = self._writer
                if found is None:
                    found = self._writer = self._make_engine(self.url, writes=True)
        return found

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """For reading only; it never waits for the write lock of SQLite.

        On SQLite all that is read is of one moment. Elsewhere each statement sees what is committed by then, as it
        would in a transaction at READ COMMITTED.
        """
        reader = self._reader
        if reader is None:
            with self._making:
                reader = self._reader = self._reader or self._make_reader()
        with reader.connect() as connection:
            yield Transaction(connection, self.lasting)

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """A transaction that commits at the end of the block; its after-commit effects run then."""
        with self._turn, self.engine.begin() as connection:
            tx = Transaction(connection, self.lasting)
            yield tx
        tx.run_effects()

    def run(self, work: Callable[[Transaction], T]) -> T:
        """The result of ``work`` in a committed transaction.

        ``work`` may be called several times, each in a fresh transaction, after deadlocks and serialization
        failures; it must not have effects outside of the database (``tx.after_commit`` is for these).

        :raises oslo_db.exception.DBDeadlock: refused too often.
        """
        pause_s = _FIRST_PAUSE_S
        for attempt in range(1, _TRIES + 1):
            try:
                with self.write() as tx:
                    return work(tx)
            except Exception as exc:
                if attempt == _TRIES or not is_curable(exc):
                    raise
                LOG.debug("transaction refused, trying again: %s (attempt %d)", exc, attempt)
            # Full jitter: writers that collided once must not meet again.
            time.sleep(random.uniform(0, pause_s))
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)
        raise AssertionError("unreachable")

    def dispose(self) -> None:
        """Close all pooled connections; the object can be used again."""
        _dispose_all(self._engines)
        self._writer = self._reader = None

    def close_when_unused(self) -> None:
        """Close all connections once nobody holds this object any more; until then it works as before.

        For an owner who hands the object to others and lets go of it first.
        """
        weakref.finalize(self, _dispose_all, self._engines).atexit = False

    def _make_reader(self) -> sa.Engine:
        url = make_url(self.url)
        if url.get_backend_name() == "sqlite":
            # A memory database exists in its own connection only; a file is opened once more, read-only.
            if not url.database or url.database == ":memory:" or "mode=" in str(url):
                return self.engine
            return self._make_engine(sqlite.read_only(url), writes=False)
        return self._make_engine(self._slave_url or self.url, writes=False)

    def _make_engine(self, url: str, *, writes: bool) -> sa.Engine:
        if make_url(url).get_backend_name() == "sqlite":
            engine = sqlite.make_engine(url, writes=writes, synchronous=self._sqlite_synchronous)
            self._engines.append(engine)
            return engine
        pool = {name: value for name, value in self._pool.items() if value is not None}
        engine = engines.create_engine(with_prompt_pool(url), **self._options, **pool)
        self._engines.append(engine)
        if engine.dialect.name == "mysql":
            read_committed(engine)
        if not writes:
            without_transactions(engine)
            if self._longest_read_s is not None:
                end_long_statements(engine, self._longest_read_s)
        # The engine was tried out when it was made; that connection has not heard of this.
        engine.dispose()
        return engine


def _dispose_all(engines: list[sa.Engine]) -> None:
    while engines:
        engines.pop().dispose()


def _with_parameters(url: str, parameters: str) -> str:
    if not parameters:
        return url
    return f"{url}{'&' if '?' in url else '?'}{parameters}"


def _complete(url: str) -> str:
    """The URL with what is never to be left to defaults: on MySQL all of Unicode, not only three bytes of it."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "mysql" or "charset" in parsed.query:
        return url
    return parsed.update_query_dict({"charset": "utf8mb4"}).render_as_string(hide_password=False)


def is_curable(exc: BaseException) -> bool:
    """Whether the same work in a fresh transaction may succeed: a deadlock, a lost race, a lost connection."""
    if isinstance(exc, db_exc.DBDeadlock | db_exc.DBConnectionError):
        return True
    text = str(exc)
    # PostgreSQL's serialization failure and SQLite's busy lock arrive as general database errors.
    return isinstance(exc, db_exc.DBError) and (
        "could not serialize" in text
        or "database is locked" in text
        or "Record has changed" in text
    )
