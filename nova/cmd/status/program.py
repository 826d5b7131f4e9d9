"""The command line of ``nova-status``, and the list of its checks."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NoReturn

from oslo_config import cfg

from groundwork import starting, upgrade_checks
from groundwork.upgrade_checks import Finding
from nova.cmd.manage.deployment import Deployment, read_options
from nova.cmd.status import cells, guests, neighbours

PROGRAM = "nova-status"


def main() -> NoReturn:
    """Entry point of the console script."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Do what the command line says; the exit status: 0 all good, 1 a warning, 2 a failure, 255 unexpected."""
    return starting.command_status(PROGRAM, partial(_check, arguments))


def _check(arguments: Sequence[str]) -> int:
    command = cfg.SubCommandOpt("category", title="Commands", handler=_add_commands)
    conf = read_options(arguments, cli=[command])
    with Deployment(conf) as deployment:
        checks = _checks(conf, deployment)
        return upgrade_checks.report(checks, as_json=conf.category.json)


def _add_commands(categories: argparse._SubParsersAction[Any]) -> None:
    upgrade = categories.add_parser("upgrade", help="Upgrades.")
    actions = upgrade.add_subparsers(dest="action", required=True)
    checking = actions.add_parser("check", help="Tell whether an upgrade would run into trouble.")
    checking.add_argument("--json", action="store_true", help="print JSON instead of a table")


def _checks(conf: cfg.ConfigOpts, deployment: Deployment) -> Mapping[str, Callable[[], Finding]]:
    return {
        "Cells v2": partial(cells.check_cells, deployment),
        "Placement API": partial(neighbours.check_placement, deployment),
        "Cinder API": partial(neighbours.check_cinder, deployment),
        "Policy File JSON to YAML Migration": partial(upgrade_checks.check_policy_file, conf),
        "Older than N-1 computes": partial(cells.check_computes, deployment),
        "hw_machine_type unset": partial(guests.check_machine_types, deployment),
        "Service User Token Configuration": partial(
            neighbours.check_service_user,
            sends_token=conf.service_user.send_service_user_token,
            auth_type=conf.service_user.auth_type or conf.service_user.auth_section,
        ),
    }
