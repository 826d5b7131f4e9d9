"""The schema of the cells' databases: bring it up to date, tell its revision, refuse a stale one."""

from __future__ import annotations

from pathlib import Path

from groundwork import migrations
from groundwork.database import Database

FOLDER = Path(__file__).parent / "migrations"


def sync(database: Database, *, to: str = "head") -> None:
    """Create or upgrade the tables."""
    migrations.upgrade(database, FOLDER, to=to)


def version(database: Database) -> str | None:
    """The revision that the database is at; None when it is empty."""
    return migrations.current(database)


def require(database: Database, *, name: str) -> None:
    """:raises Unavailable: the schema is not the one that this release needs."""
    migrations.require_current(database, FOLDER, name=name, cure="nova-manage db sync")
