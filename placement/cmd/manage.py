"""``placement-manage``: the schema of the database, and what is left to do after an upgrade."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable
from functools import partial
from typing import Any, NoReturn

from oslo_config import cfg
from prettytable import PrettyTable

from groundwork import migrations, starting
from groundwork.arguments import count
from groundwork.database import Database, Transaction
from placement import conf as options
from placement.cmd import beginning
from placement.db.migrations import FOLDER
from placement.db.queries import providers
from placement.inventory import standard

LOG = logging.getLogger(__name__)

PROGRAM = "placement-manage"

# Rows per transaction when no count is given: small, so that the service is not held up.
_BATCH = 50
_FAILED = 2
_BAD_INPUT = 127

# What releases leave to be done while the service runs; each tells how many rows need it and how many it did.
DataMigration = Callable[[Transaction, int], tuple[int, int]]
DATA_MIGRATIONS: dict[str, DataMigration] = {
    "fill_roots": providers.fill_roots,
}


def sync(database: Database, _given: Any) -> int:
    """Bring the schema up to date and add the standard names."""
    migrations.upgrade(database, FOLDER)
    standard.sync(database)
    return 0


def version(database: Database, _given: Any) -> int:
    """Print the revision of the schema."""
    print(migrations.current(database) or "none")
    return 0


def stamp(database: Database, given: Any) -> int:
    """Record a revision without touching tables."""
    migrations.stamp(database, FOLDER, given.version)
    return 0


def online_data_migrations(database: Database, given: Any) -> int:
    """Do what is left, all of it or as many rows as asked for.

    Returns 0 when nothing is left, 1 when some rows were done and more may be left, 2 when failures are all that
    is left, 127 for a bad count.
    """
    if given.max_count is not None and given.max_count < 1:
        print("Must supply a positive value for max_count")
        return _BAD_INPUT
    if given.max_count is None:
        print(f"Running batches of {_BATCH} until complete")
    found, done, failed = _migrate(database, given.max_count)
    table = PrettyTable(["Migration", "Total Found", "Completed"])
    table.align["Migration"] = "l"
    for name in DATA_MIGRATIONS:
        table.add_row([name, found[name], done[name]])
    print(table)
    # Without a count, rows were done until there was nothing left but the failures.
    if failed and (given.max_count is None or not any(done.values())):
        return _FAILED
    # Without a count everything was done in batches; with one, rows done mean that there may be more.
    return 1 if given.max_count is not None and any(done.values()) else 0


def _migrate(
    database: Database, max_count: int | None
) -> tuple[dict[str, int], dict[str, int], set[str]]:
    """Rows found and done by migration, with a count at most so many in sum; and the migrations that failed."""
    found = dict.fromkeys(DATA_MIGRATIONS, 0)
    done = dict.fromkeys(DATA_MIGRATIONS, 0)
    failed: set[str] = set()
    for name, migrate in DATA_MIGRATIONS.items():
        while True:
            left = _BATCH if max_count is None else max_count - sum(done.values())
            if left <= 0:
                break
            try:
                batch_found, batch_done = database.run(partial(_migrate_batch, migrate, left))
            except Exception as exc:
                LOG.debug("data migration %s failed", name, exc_info=exc)
                print(f"Error attempting to run {name}: {exc}".splitlines()[0])
                failed.add(name)
                break
            found[name] += batch_done if found[name] else batch_found
            done[name] += batch_done
            if batch_done:
                print(f"{batch_found} rows matched query {name}, {batch_done} migrated")
            if not batch_done or max_count is not None:
                break
        found[name] = max(found[name], done[name])
    return found, done, failed


def _migrate_batch(migrate: DataMigration, at_most: int, tx: Transaction) -> tuple[int, int]:
    return migrate(tx, at_most)


def _add_commands(categories: argparse._SubParsersAction[Any]) -> None:
    database = categories.add_parser("db", help="The schema and the rows of the database.")
    actions = database.add_subparsers(dest="action", required=True)
    actions.add_parser("sync", help=sync.__doc__).set_defaults(run=sync)
    actions.add_parser("version", help=version.__doc__).set_defaults(run=version)
    stamping = actions.add_parser("stamp", help=stamp.__doc__)
    stamping.add_argument("version", metavar="VERSION", help="a revision, or head")
    stamping.set_defaults(run=stamp)
    migrating = actions.add_parser("online_data_migrations", help="Do what upgrades left to do.")
    migrating.add_argument("--max-count", type=count, metavar="N", help="at most so many rows")
    migrating.set_defaults(run=online_data_migrations)


def run(arguments: list[str]) -> int:
    """One command; the exit status, which is 255 when something was not foreseen."""
    return starting.command_status(PROGRAM, partial(_run_command, arguments))


def _run_command(arguments: list[str]) -> int:
    conf = options.new()
    conf.register_cli_opt(cfg.SubCommandOpt("category", title="Commands", handler=_add_commands))
    beginning.read_options(arguments, conf=conf)
    database = beginning.open_database(conf)
    return int(conf.category.run(database, conf.category))


def main() -> NoReturn:
    """Console script."""
    sys.exit(run(sys.argv[1:]))
