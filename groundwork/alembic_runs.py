"""Schema migrations in the making: alembic, run from code; see :mod:`groundwork.migrations` for who calls."""

from __future__ import annotations

import threading
from pathlib import Path

import sqlalchemy as sa
from alembic import command, context
from alembic.config import Config

from groundwork.database import Database

# alembic keeps the run in hand in module state: one at a time in a process. Processes take turns on the database.
_ONE_AT_A_TIME = threading.Lock()


def _config(folder: Path, database: Database) -> Config:
    config = Config()
    config.set_main_option("script_location", str(folder))
    # SQLite: several processes may start at once; the connection is handed on so that one lock covers the upgrade.
    config.attributes["database"] = database
    return config


def upgrade(database: Database, folder: Path, to: str) -> None:
    """Run the revisions up to ``to``."""
    with _ONE_AT_A_TIME:
        command.upgrade(_config(folder, database), to)


def stamp(database: Database, folder: Path, revision: str) -> None:
    """Record that the schema is at ``revision``."""
    command.stamp(_config(folder, database), revision)


def run_env() -> None:
    """The body of each ``migrations/env.py``: run the revisions over the database given by :func:`upgrade`."""
    database: Database = context.config.attributes["database"]
    with database.engine.connect() as connection:
        locked = _lock(connection)
        context.configure(
            connection=connection,
            render_as_batch=connection.dialect.name == "sqlite",
            # One transaction for all revisions: MariaDB commits at each DDL statement whatever is asked.
            transaction_per_migration=False,
        )
        with context.begin_transaction():
            context.run_migrations()
        if connection.in_transaction():
            connection.commit()
        locked()


def _lock(connection: sa.Connection):  # type: ignore[no-untyped-def]
    """Take turns with other processes that migrate this database; returns what gives the lock back.

    On SQLite the writing transaction is the lock. It has to be there before alembic looks, which otherwise takes one
    for each revision, and lets another process in between.
    """
    if connection.dialect.name == "sqlite":
        connection.begin()
        return lambda: None
    if connection.dialect.name == "mysql":
        connection.exec_driver_sql("SELECT GET_LOCK(CONCAT('schema:', DATABASE()), 60)")
        connection.commit()
        return lambda: connection.exec_driver_sql(
            "SELECT RELEASE_LOCK(CONCAT('schema:', DATABASE()))"
        )
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SELECT pg_advisory_lock(hashtext('schema'))")
        connection.commit()
        return lambda: connection.exec_driver_sql("SELECT pg_advisory_unlock(hashtext('schema'))")
    return lambda: None
