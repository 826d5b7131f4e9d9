"""Schema migrations: alembic, run from code, one folder of revisions per database."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

import sqlalchemy as sa
from alembic import command, context
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from groundwork.database import Database
from groundwork.errors import Unavailable

LOG = logging.getLogger(__name__)

# alembic keeps the run in hand in module state: one at a time in a process. Processes take turns on the database.
_ONE_AT_A_TIME = threading.Lock()


def _config(folder: Path, database: Database) -> Config:
    config = Config()
    config.set_main_option("script_location", str(folder))
    # SQLite: several processes may start at once; the connection is handed on so that one lock covers the upgrade.
    config.attributes["database"] = database
    return config


def upgrade(database: Database, folder: Path, *, to: str = "head") -> None:
    """Bring the schema up to ``to``; nothing happens when it is there already.

    Safe to run from several processes at once: they take turns on the database's own lock.
    """
    with _ONE_AT_A_TIME:
        command.upgrade(_config(folder, database), to)


def stamp(database: Database, folder: Path, revision: str) -> None:
    """Record that the schema is at ``revision`` without touching tables."""
    command.stamp(_config(folder, database), revision)


def current(database: Database) -> str | None:
    """The revision that the database is at; None for an empty one."""
    with database.engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def head(folder: Path) -> str:
    """The newest revision that this code knows."""
    config = Config()
    config.set_main_option("script_location", str(folder))
    revision = ScriptDirectory.from_config(config).get_current_head()
    assert revision is not None, f"no revisions in {folder}"
    return revision


def known(folder: Path) -> frozenset[str]:
    """Every revision that this code knows."""
    config = Config()
    config.set_main_option("script_location", str(folder))
    return frozenset(each.revision for each in ScriptDirectory.from_config(config).walk_revisions())


def require_current(database: Database, folder: Path, *, name: str, cure: str) -> None:
    """Refuse to go on with a database whose schema is older than the one this code needs.

    :raises Unavailable: one sentence that names the database and the command that cures it.
    """
    try:
        found = current(database)
    except sa.exc.DatabaseError as exc:
        raise Unavailable(f"The {name} database cannot be read: {exc.__class__.__name__}.") from exc
    expected = head(folder)
    if found is not None and found not in known(folder):
        # A newer release has been here: during an upgrade this one runs beside it, and its schema only grew.
        LOG.warning("the %s database is at schema %s, newer than %s", name, found, expected)
        return
    if found != expected:
        raise Unavailable(
            f"The {name} database is at schema {found or 'none'}, this release needs {expected}: run '{cure}'."
        )


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

    SQLite needs nothing: its writing transaction is the lock.
    """
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
