"""The command line of ``nova-manage``: global options, categories, exit statuses."""

from __future__ import annotations

import argparse
import importlib
import logging
import sys
import traceback
from collections.abc import Sequence
from typing import NoReturn

from groundwork import starting
from nova import __version__
from nova.cmd.manage.commands import Commands

PROGRAM = "nova-manage"

# Category: what it is about. Each has a module of its name beside this one.
CATEGORIES = {
    "api_db": "the API database",
    "audit": "what databases and Placement say of each other",
    "cell_v2": "cells and their hosts",
    "db": "a cell's database",
    "limits": "limits of projects and of everybody",
    "placement": "what servers and hosts have in Placement",
}


def main() -> NoReturn:
    """Entry point of the console script."""
    starting.run(PROGRAM, lambda: run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Do what the command line says; the exit status."""
    given = _parser().parse_args(arguments)
    match given.category:
        case "version":
            print(__version__)
            return 0
        case "bash-completion":
            print(_words(given.rest[0] if given.rest else None))
            return 0
        case _:
            return _run_command(given)


def _parser() -> argparse.ArgumentParser:
    about = "".join(f"  {name:<10}{what}\n" for name, what in CATEGORIES.items())
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Manages the databases and cells of the compute service.",
        epilog=f"categories:\n{about}  version   the version of this release\n\n"
        f"'{PROGRAM} CATEGORY --help' lists the commands of a category.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add(
        "--config-file", action="append", metavar="PATH", help="configuration file; may be repeated"
    )
    add(
        "--config-dir",
        action="append",
        metavar="DIR",
        help="directory of *.conf files; may be repeated",
    )
    add(
        "--debug",
        action="store_true",
        help="log more, and show where an unexpected failure came from",
    )
    add("--log-file", metavar="PATH", help="log there instead of to standard error")
    add("--version", action="version", version=__version__)
    choices = [*CATEGORIES, "version", "bash-completion"]
    add("category", choices=choices, metavar="CATEGORY", help=", ".join(CATEGORIES))
    add("rest", nargs=argparse.REMAINDER, metavar="COMMAND ...", help="what to do")
    return parser


def _commands(category: str) -> Commands:
    commands = Commands(f"{PROGRAM} {category}", CATEGORIES[category])
    importlib.import_module(f"nova.cmd.manage.{category}").add_commands(commands)
    return commands


def _words(category: str | None) -> str:
    """For completion in a shell: the categories, or the commands of one."""
    if category in CATEGORIES:
        return " ".join(_commands(category).names)
    return " ".join([*CATEGORIES, "version", "bash-completion"])


def _run_command(given: argparse.Namespace) -> int:
    run_command, chosen = _commands(given.category).parse(given.rest)
    # Not earlier: reading options costs a second, which help and mistakes need not wait for.
    from nova.cmd.manage.deployment import Deployment

    try:
        with Deployment.from_options(_options(given)) as deployment:
            return run_command(deployment, chosen)
    except Exception as exc:
        return _tell(exc, debug=given.debug)


def _options(given: argparse.Namespace) -> list[str]:
    """The global options as oslo.config reads them."""
    words = ["--debug"] if given.debug else []
    words += [word for path in given.config_file or () for word in ("--config-file", path)]
    words += [word for path in given.config_dir or () for word in ("--config-dir", path)]
    return [*words, "--log-file", given.log_file] if given.log_file else words


def _tell(exc: Exception, *, debug: bool) -> int:
    """One line for the operator; the rest goes to the log, or to the screen with --debug."""
    logging.getLogger(__name__).debug("nova-manage failed", exc_info=exc)
    if debug:
        traceback.print_exception(exc)
    line = str(exc).strip().splitlines()[0] if str(exc).strip() else type(exc).__name__
    print(f"{PROGRAM}: {line}", file=sys.stderr)
    return starting.UNEXPECTED
