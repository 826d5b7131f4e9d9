"""``nova-manage db``: the schema of the local cell's database, and cell0's along with it."""

from __future__ import annotations

import argparse
import sys

from groundwork.database import Database
from nova.cells.registry import CELL0_UUID
from nova.cmd.manage import schemas
from nova.cmd.manage.commands import Commands
from nova.cmd.manage.deployment import Deployment
from nova.db.cell import schema


def add_commands(commands: Commands) -> None:
    """sync, version."""
    argument = commands.add("sync", sync, "create or upgrade the tables of this cell and of cell0")
    argument("version", nargs="?", metavar="VERSION", help="revision to stop at (the newest)")
    argument("--local_cell", action="store_true", help="leave cell0 alone")
    commands.add("version", version, "print the revision that the cell's database is at")


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
