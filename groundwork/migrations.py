"""Schema migrations, one folder of alembic revisions per database.

A revision's file is named after it (``0002_server_groups.py``), and revisions are in the order of their names: so a
process that finds its schema current need not import alembic, which would take longer than all else it does at start.
"""

from __future__ import annotations

import logging
from pathlib import Path

import sqlalchemy as sa

from groundwork.database import Database
from groundwork.errors import Unavailable

LOG = logging.getLogger(__name__)

_VERSION = sa.table("alembic_version", sa.column("version_num"))


def upgrade(database: Database, folder: Path, *, to: str = "head") -> None:
    """Bring the schema up to ``to``; nothing happens when it is there already.

    Safe to run from several processes at once: they take turns on the database's own lock.
    """
    if to == "head" and current(database) == head(folder):
        return
    from groundwork import alembic_runs

    alembic_runs.upgrade(database, folder, to)


def stamp(database: Database, folder: Path, revision: str) -> None:
    """Record that the schema is at ``revision`` without touching tables."""
    from groundwork import alembic_runs

    alembic_runs.stamp(database, folder, revision)


def current(database: Database) -> str | None:
    """The revision that the database is at; None for an empty one."""
    with database.engine.connect() as connection:
        if not sa.inspect(connection).has_table(_VERSION.name):
            return None
        found = connection.execute(sa.select(_VERSION)).scalar()
        return None if found is None else str(found)


def head(folder: Path) -> str:
    """The newest revision that this code knows."""
    return max(known(folder))


def known(folder: Path) -> frozenset[str]:
    """Every revision that this code knows."""
    return frozenset(path.name.partition("_")[0] for path in folder.glob("versions/[0-9]*_*.py"))


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
