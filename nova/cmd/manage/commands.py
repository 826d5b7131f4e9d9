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
            title="commands",
            metavar="COMMAND",
            dest="command",
            required=True,
            parser_class=_Strict,
        )

    def add(self, name: str, run: Run, about: str) -> Callable[..., argparse.Action]:
        """Declare a command; the result adds an argument to it, as argparse's ``add_argument``.

        What is wrong with its arguments has an exit status that no result of a command has (255): with argparse's own
        2, ``delete_cell`` without a cell would seem to have found hosts in it.
        """
        parser: argparse.ArgumentParser = self._added.add_parser(
            name, help=about, description=f"{about[0].upper()}{about[1:]}."
        )
        parser.set_defaults(run=run, refuse=parser.error)
        return parser.add_argument

    def alone(self, run: Run, about: str) -> Callable[..., argparse.Action]:
        """Declare that the category is itself the one command; the result adds an argument to it."""
        parser = _Strict(prog=self._parser.prog, description=f"{about[0].upper()}{about[1:]}.")
        parser.set_defaults(run=run, refuse=parser.error)
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
        chosen, unknown = self._parser.parse_known_args(words)
        if unknown:
            # Told by the category, it would look like a command that there is not.
            chosen.refuse(f"unrecognized arguments: {' '.join(unknown)}")
        return chosen.run, chosen


class _Strict(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(255, f"{self.prog}: error: {message}\n")
