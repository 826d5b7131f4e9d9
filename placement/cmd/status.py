"""``placement-status``: whether this deployment is ready for an upgrade."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

from oslo_config import cfg
from oslo_policy import policy
from prettytable import PrettyTable

from groundwork import starting
from groundwork.database import Database
from placement import conf as options
from placement.cmd import beginning
from placement.db.queries import consumers, providers

_TITLE = "Upgrade Check Results"


class Result(IntEnum):
    """The values are those of ``--json`` and, of the worst check, the exit status."""

    SUCCESS = 0
    WARNING = 1
    FAILURE = 2


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found."""

    result: Result
    details: str | None = None


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
    """The operator's policy file must be YAML, since JSON is not supported any more."""
    policy.Enforcer(conf)  # makes oslo.policy's options known
    found = conf.find_file(conf.oslo_policy.policy_file)
    if found is None or not _is_json(Path(found)):
        return Finding(Result.SUCCESS)
    return Finding(
        Result.FAILURE,
        f"The policy file {found} is JSON: convert it with oslopolicy-convert-json-to-yaml.",
    )


def _is_json(path: Path) -> bool:
    text = path.read_text()
    try:
        json.loads(text)
    except ValueError:
        return False
    return bool(text.strip())


CHECKS: dict[str, Callable[[cfg.ConfigOpts, Database], Finding]] = {
    "Missing Root Provider IDs": check_roots,
    "Incomplete Consumers": check_consumers,
    "Policy File JSON to YAML Migration": check_policy_file,
}


def check(conf: cfg.ConfigOpts, database: Database, *, as_json: bool) -> int:
    """Run all checks and print what they found; the exit status is that of the worst."""
    findings = {name: run_check(conf, database) for name, run_check in CHECKS.items()}
    if as_json:
        checks = [
            {"check": name, "result": int(found.result), "details": found.details}
            for name, found in findings.items()
        ]
        print(json.dumps({"name": _TITLE, "checks": checks}))
    else:
        print(_table(findings))
    return max(int(found.result) for found in findings.values())


def _table(findings: dict[str, Finding]) -> PrettyTable:
    table = PrettyTable([_TITLE])
    table.align = "l"
    for name, found in findings.items():
        result = found.result.name.capitalize()
        text = f"Check: {name}\nResult: {result}\nDetails: {found.details}"
        table.add_row([text], divider=True)
    return table


def _add_commands(categories: argparse._SubParsersAction[Any]) -> None:
    upgrade = categories.add_parser("upgrade", help="Upgrades.")
    actions = upgrade.add_subparsers(dest="action", required=True)
    checking = actions.add_parser("check", help="Tell whether an upgrade would run into trouble.")
    checking.add_argument("--json", action="store_true", help="print JSON instead of a table")


def run(arguments: list[str]) -> int:
    """One command; the exit status."""
    conf = options.new()
    conf.register_cli_opt(cfg.SubCommandOpt("category", title="Commands", handler=_add_commands))
    beginning.read_options(arguments, conf=conf)
    return check(conf, beginning.open_database(conf), as_json=conf.category.json)


def main() -> None:
    """Console script."""
    starting.run("placement-status", lambda: run(sys.argv[1:]))
