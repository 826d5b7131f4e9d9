"""How a category declares its commands. Costs no imports, so help and mistakes are told at once."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

if TYPE_CHECKING:
    from nova.cmd.manage.deployment import Deployment

Run: TypeAlias = "Callable[[Deployment, argparse.Namespace], int]"


class Commands:
    """The commands of one category."""

    def __init__(self, program: str, about: str) -> None:
        self._parser = argparse.ArgumentParser(prog=program, description=f"Manages {about}.")
        self._added: Any = self._parser.add_subparsers(
            title="commands", metavar="COMMAND", dest="command", required=True
        )

    def add(self, name: str, run: Run, about: str) -> Callable[..., argparse.Action]:
        """Declare a command; the result adds an argument to it, as argparse's ``add_argument``."""
        parser: argparse.ArgumentParser = self._added.add_parser(
            name, help=about, description=f"{about[0].upper()}{about[1:]}."
        )
        parser.set_defaults(run=run)
        return parser.add_argument

    def alone(self, run: Run, about: str) -> Callable[..., argparse.Action]:
        """Declare that the category is itself the one command; the result adds an argument to it.

        Its exit statuses mean more than success, so a mistake on the command line has one that no result has (255).
        """
        parser = _Strict(prog=self._parser.prog, description=f"{about[0].upper()}{about[1:]}.")
        parser.set_defaults(run=run)
        self._parser = parser
        return parser.add_argument

    @property
    def names(self) -> list[str]:
        """The names of the commands, as declared."""
        return list(self._added.choices)

    def parse(self, words: Sequence[str]) -> tuple[Run, argparse.Namespace]:
        """The command that the words ask for, and its arguments.

        :raises SystemExit: they ask for help, or for nothing that there is.
        """
        chosen = self._parser.parse_args(words)
        return chosen.run, chosen


class _Strict(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(255, f"{self.prog}: error: {message}\n")
