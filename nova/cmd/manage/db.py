"""``nova-manage db``: the schema and the old rows of the cells' databases."""

from __future__ import annotations

import argparse
import sys

from groundwork.arguments import count
from groundwork.database import Database
from nova.cells.registry import CELL0_UUID
from nova.cmd.manage import archiving, online, schemas
from nova.cmd.manage.commands import Commands
from nova.cmd.manage.deployment import Deployment
from nova.db.cell import schema


def add_commands(commands: Commands) -> None:
    """First the schema, then the rows."""
    argument = commands.add("sync", sync, "create or upgrade the tables of this cell and of cell0")
    argument("version", nargs="?", metavar="VERSION", help="revision to stop at (the newest)")
    argument("--local_cell", action="store_true", help="leave cell0 alone")
    commands.add("version", version, "print the revision that the cell's database is at")
    _add_rows(commands)


def _add_rows(commands: Commands) -> None:
    argument = commands.add(
        "archive_deleted_rows",
        archiving.archive_deleted_rows,
        "move deleted servers to the shadow tables, and forget their mappings",
    )
    argument(
        "--max_rows", type=count, default=1000, metavar="N", help="at most so many rows (1000)"
    )
    argument("--before", metavar="DATE", help="only servers deleted before that date")
    argument("--verbose", action="store_true", help="print what was archived")
    argument("--until-complete", action="store_true", help="go on until nothing is left")
    argument("--purge", action="store_true", help="then remove everything that is archived")
    argument("--all-cells", action="store_true", help="in all cells, not only the configured one")
    argument(
        "--task-log",
        action="store_true",
        help="also records of the usage audit; this release writes none",
    )
    argument("--sleep", type=_seconds, default=0, metavar="SECONDS", help="pause between batches")

    argument = commands.add("purge", archiving.purge, "remove archived servers for ever")
    argument("--all", action="store_true", help="all of them")
    argument("--before", metavar="DATE", help="those deleted before that date")
    argument("--verbose", action="store_true", help="print what was removed")
    argument("--all-cells", action="store_true", help="in all cells, not only the configured one")

    argument = commands.add(
        "online_data_migrations",
        online.online_data_migrations,
        "rewrite the rows that an upgrade left to be rewritten",
    )
    argument("--max-count", type=count, metavar="N", help="at most so many rows (all, in batches)")


def _seconds(text: str) -> int:
    """A length of time on the command line. :raises ValueError: it is negative or no number."""
    if int(text) < 0:
        raise ValueError(text)
    return int(text)


def sync(deployment: Deployment, given: argparse.Namespace) -> int:
    """Exit 1: cell0 could not be reached (the local cell is brought up to date all the same), or a failure."""
    status = 0 if given.local_cell else _sync_cell0(deployment, given.version)
    return schemas.sync(deployment.local_database, schema.sync, given.version) or status


def _sync_cell0(deployment: Deployment, to: str | None) -> int:
    def open_cell0() -> Database:
        return deployment.database(deployment.cell(CELL0_UUID))

    status = schemas.sync(open_cell0, schema.sync, to)
    if status:
        print(
            "ERROR: Could not access cell0. Has 'nova-manage api_db sync' been run? Has 'nova-manage cell_v2 "
            "map_cell0'? Does the database of cell0 exist, and is [api_database]/connection set?",
            file=sys.stderr,
        )
    return status


def version(deployment: Deployment, given: argparse.Namespace) -> int:
    """``None`` stands for a database without tables."""
    print(schema.version(deployment.local_database()))
    return 0
