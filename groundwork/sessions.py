"""What servers of databases are told about each new connection, once."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from oslo_db import exception as db_exc


def read_committed(engine: sa.Engine) -> None:
    """READ COMMITTED: every statement sees what is committed by now, as on PostgreSQL.

    Lost updates are prevented by compare-and-swap and row locks, never by the snapshot. The level is set once for each
    connection; as an option of the engine it would be set and taken back around every transaction, in four trips.
    """

    @sa.event.listens_for(engine, "connect")
    def _set_level(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
        cursor.close()


def end_long_statements(engine: sa.Engine, longest_s: float) -> None:
    """Have the server end what takes longer on new connections of this engine, which must be without transactions.

    Once for each connection: with each statement it would be a trip more, or text that a prepared one cannot hold.
    """
    longest_ms = max(1, round(longest_s * 1000))

    @sa.event.listens_for(engine, "connect")
    def _set_limit(connection: Any, _record: Any) -> None:
        if engine.dialect.name == "postgresql":
            limit = f"statement_timeout = {longest_ms}"
        elif "MariaDB" in connection.get_server_info():
            limit = f"max_statement_time = {longest_ms / 1000}"
        else:
            limit = f"max_execution_time = {longest_ms}"
        cursor = connection.cursor()
        cursor.execute(f"SET SESSION {limit}")
        cursor.close()


# MariaDB's and MySQL's numbers, and PostgreSQL's code, of a statement that took longer than it may.
_CUT_OFF = frozenset((1969, 3024, "57014"))


def was_cut_off(exc: BaseException) -> bool:
    """Whether the server ended the statement because it took too long (``longest_read_s``, or a limit of its own)."""
    refused = exc.inner_exception if isinstance(exc, db_exc.DBError) else exc
    told = getattr(refused, "orig", refused)
    number = told.args[0] if getattr(told, "args", ()) else None
    return getattr(told, "pgcode", None) in _CUT_OFF or (
        isinstance(number, int) and number in _CUT_OFF
    )
