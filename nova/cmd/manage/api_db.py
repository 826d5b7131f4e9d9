"""``nova-manage api_db``: the schema of the API database."""

from __future__ import annotations

import argparse

from nova.cmd.manage import schemas
from nova.cmd.manage.commands import Commands
from nova.cmd.manage.deployment import Deployment
from nova.db.api import schema


def add_commands(commands: Commands) -> None:
    """sync, version."""
    argument = commands.add("sync", sync, "create or upgrade the tables")
    argument("version", nargs="?", metavar="VERSION", help="revision to stop at (the newest)")
    commands.add("version", version, "print the revision that the database is at")


def sync(deployment: Deployment, given: argparse.Namespace) -> int:
    """Exit 1: it could not be done."""
    return schemas.sync(deployment.api_database, schema.sync, given.version)


def version(deployment: Deployment, given: argparse.Namespace) -> int:
    """``None`` stands for a database without tables."""
    print(schema.version(deployment.api_database()))
    return 0
