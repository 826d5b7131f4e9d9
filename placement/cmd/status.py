"""``placement-status``: whether this deployment is ready for an upgrade."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from functools import partial
from typing import Any, NoReturn

from oslo_config import cfg

from groundwork import starting, upgrade_checks
from groundwork.database import Database
from groundwork.upgrade_checks import Finding, Result
from placement import conf as options
from placement.cmd import beginning
from placement.db.queries import consumers, providers

PROGRAM = "placement-status"


def check_roots(_conf: cfg.ConfigOpts, database: Database) -> Finding:
    """Every provider must know its root."""
    with database.read() as tx:
        lacking = providers.count_without_root(tx)
    if not lacking:
        return Finding(Result.SUCCESS)
    cure = "run 'placement-manage db online_data_migrations'"
    return Finding(Result.FAILURE, f"{lacking} resource providers have no root recorded: {cure}.")


def check_consumers(_conf: cfg.ConfigOpts, database: Database) -> Finding:
    """Every allocation must belong to a consumer that is recorded."""
    with database.read() as tx:
        lacking = consumers.count_missing(tx)
    if not lacking:
        return Finding(Result.SUCCESS)
    return Finding(Result.WARNING, f"{lacking} allocations belong to consumers without a record.")


def check_policy_file(conf: cfg.ConfigOpts, _database: Database) -> Finding:
    """The operator's policy file must be YAML."""
    return upgrade_checks.check_policy_file(conf)


CHECKS: dict[str, Callable[[cfg.ConfigOpts, Database], Finding]] = {
    "Missing Root Provider IDs": check_roots,
    "Incomplete Consumers": check_consumers,
    "Policy File JSON to YAML Migration": check_policy_file,
}


def check(conf: cfg.ConfigOpts, database: Database, *, as_json: bool) -> int:
    """Run all checks and print what they found; the exit status is that of the worst."""
    checks = {name: partial(run_check, conf, database) for name, run_check in CHECKS.items()}
    return upgrade_checks.report(checks, as_json=as_json)


def _add_commands(categories: argparse._SubParsersAction[Any]) -> None:
    upgrade = categories.add_parser("upgrade", help="Upgrades.")
    actions = upgrade.add_subparsers(dest="action", required=True)
    checking = actions.add_parser("check", help="Tell whether an upgrade would run into trouble.")
    checking.add_argument("--json", action="store_true", help="print JSON instead of a table")


def run(arguments: list[str]) -> int:
    """One command; the exit status, which is 255 when something was not foreseen."""
    return starting.command_status(PROGRAM, partial(_run_command, arguments))


def _run_command(arguments: list[str]) -> int:
    conf = options.new()
    conf.register_cli_opt(cfg.SubCommandOpt("category", title="Commands", handler=_add_commands))
    beginning.read_options(arguments, conf=conf)
    return check(conf, beginning.open_database(conf), as_json=conf.category.json)


def main() -> NoReturn:
    """Console script."""
    sys.exit(run(sys.argv[1:]))
