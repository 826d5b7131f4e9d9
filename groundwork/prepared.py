"""Statements that are asked again and again, so that nobody has to work out anew what they mean.

To build a long statement with SQLAlchemy takes longer than to ask it, and MariaDB reads and arranges the text of every
statement that it is sent. A :class:`Prepared` is built once; on MariaDB each connection has the server prepare it when
it asks for the first time, and from then on names it only. Elsewhere it is executed as any other.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from oslo_db import exception as db_exc

from groundwork.database import Transaction

# A server holds 16382 for all of its connections together, if nobody has told it otherwise.
_MOST_OF_A_CONNECTION = 8

# What MariaDB says when it holds as many as it may, and when it does not know one.
_TOO_MANY, _UNKNOWN = 1461, 1243

# oslo.db translates some of them only.
_REFUSED = (db_exc.DBError, sa.exc.DBAPIError)

_HELD = "prepared_statements"

_numbers = itertools.count()


class Prepared:
    """A selection whose changing values are ``sa.bindparam`` with names. Thread safe."""

    def __init__(self, statement: sa.Select[Any]) -> None:
        self._statement = statement
        # Servers know it by this.
        self._name = f"prepared{next(_numbers)}"
        self._mariadb: _MariaDb | None = None

    def execute(self, tx: Transaction, values: Mapping[str, Any]) -> sa.CursorResult[Any]:
        """Run it with a value for each name."""
        mariadb = self._held_by(tx)
        if mariadb is None:
            return tx.execute(self._statement, values)
        try:
            return tx.execute(mariadb.asking, values)
        except _REFUSED as exc:
            self._require_unknown(tx, exc)
            return tx.execute(self._statement, values)

    def texts(self, tx: Transaction, values: Mapping[str, Any]) -> Sequence[str]:
        """The same for a selection of one column of text, without what SQLAlchemy does around a statement.

        That is most of the price of a question with a few rows for an answer.
        """
        mariadb = self._held_by(tx)
        if mariadb is None:
            return tx.execute(self._statement, values).scalars().all()
        try:
            return mariadb.texts(tx.connection, values)
        except db_exc.DBError as exc:
            self._require_unknown(tx, exc)
            return tx.execute(self._statement, values).scalars().all()

    def _held_by(self, tx: Transaction) -> _MariaDb | None:
        """How to ask the server, which holds the statement by now; None where it is to be asked in full."""
        if not tx.takes_blocks:
            return None
        mariadb = self._mariadb
        if mariadb is None:
            mariadb = self._mariadb = _MariaDb(self._name, self._statement, tx.connection.dialect)
        return mariadb if self._is_held(tx.connection, mariadb.prepared) else None

    def _require_unknown(self, tx: Transaction, exc: db_exc.DBError | sa.exc.DBAPIError) -> None:
        """Raise what was refused, unless the server only did not know the statement; then it is not named again."""
        if _code_of(exc) != _UNKNOWN:
            raise exc
        # Something between us and the servers sent it to another one.
        _held_of(tx.connection)[self._name] = False

    def _is_held(self, connection: sa.Connection, sql: str) -> bool:
        """Whether the server holds it for this connection, by now."""
        held = _held_of(connection)
        if self._name not in held:
            if len(held) >= _MOST_OF_A_CONNECTION:
                first = next(iter(held))
                if held.pop(first):
                    connection.exec_driver_sql(f"DEALLOCATE PREPARE {first}")
            held[self._name] = _prepare(connection, self._name, sql)
        return held[self._name]


def _held_of(connection: sa.Connection) -> dict[str, bool]:
    """By name, in the order in which they came; False for what is asked in full for as long as it is in here."""
    found: dict[str, bool] = connection.info.setdefault(_HELD, {})
    return found


def _prepare(connection: sa.Connection, name: str, sql: str) -> bool:
    """False when the server holds as many as it may."""
    try:
        connection.exec_driver_sql(f"PREPARE {name} FROM %s", (sql,))
    except _REFUSED as exc:
        if _code_of(exc) == _TOO_MANY:
            return False
        raise
    return True


def _code_of(exc: db_exc.DBError | sa.exc.DBAPIError) -> int | None:
    """MariaDB's number of an error."""
    refused = exc.inner_exception if isinstance(exc, db_exc.DBError) else exc
    told = getattr(getattr(refused, "orig", refused), "args", ())
    return told[0] if told and isinstance(told[0], int) else None


class _MariaDb:
    """What MariaDB is told: the text that it shall prepare, and the statement that asks for it by name."""

    def __init__(self, name: str, statement: sa.Select[Any], dialect: sa.Dialect) -> None:
        compiled: Any = statement.compile(dialect=dialect)
        marks = _Marks()
        # The driver's marks are names, as in %(uuid)s; the server's are question marks, in the order of the values.
        self.prepared: str = compiled.string % marks
        using = ", ".join(f":{each}" for each in marks.names)
        text = sa.text(f"EXECUTE {name} USING {using}" if using else f"EXECUTE {name}")
        parameters = [_named(each, compiled.binds[each]) for each in set(marks.names)]
        # Values and results are of the same types as in full.
        self.asking = text.bindparams(*parameters).columns(*statement.selected_columns)
        self._text = str(self.asking.compile(dialect=dialect))
        self._fixed = {each.key: each.value for each in parameters if not each.required}
        self._processors = {
            each.key: processor
            for each in parameters
            if (processor := each.type.bind_processor(dialect)) is not None
        }

    def texts(self, connection: sa.Connection, values: Mapping[str, Any]) -> Sequence[str]:
        """Ask by the driver alone. :raises DBError: as SQLAlchemy and oslo.db would have it."""
        told = {**self._fixed, **values}
        for name, processor in self._processors.items():
            told[name] = processor(told[name])
        driver = connection.connection
        cursor = driver.cursor()
        try:
            cursor.execute(self._text, told)
            return [row[0] for row in cursor.fetchall()]
        except connection.dialect.loaded_dbapi.Error as exc:
            if connection.dialect.is_disconnect(exc, driver.dbapi_connection, cursor):
                connection.invalidate(exc)
                raise db_exc.DBConnectionError(exc) from exc
            raise db_exc.DBError(exc) from exc
        finally:
            cursor.close()


def _named(name: str, bind: sa.BindParameter[Any]) -> sa.BindParameter[Any]:
    """The same parameter, with the name that it has in the text."""
    if bind.required:
        return sa.bindparam(name, type_=bind.type)
    return sa.bindparam(name, bind.value, type_=bind.type)


class _Marks(dict[str, str]):
    """Writes a question mark for whatever is asked, and remembers what it was."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def __getitem__(self, name: str) -> str:
        self.names.append(name)
        return "?"
