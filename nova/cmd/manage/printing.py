"""What commands print: tables, and problems that have an exit status."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import prettytable

from groundwork.errors import Problem


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A bordered table in the order of the rows."""
    table = prettytable.PrettyTable(list(columns))
    table.align = "l"
    table.add_rows([list(row) for row in rows])
    print(table)


def attempt(work: Callable[[], object], exits: Mapping[type[Problem], int]) -> int:
    """Do the work: 0, or for a foreseen problem its text on the screen and the status of its kind.

    The first kind that fits counts, so special kinds stand before general ones.
    """
    try:
        work()
    except tuple(exits) as problem:
        print(problem)
        return next(status for kind, status in exits.items() if isinstance(problem, kind))
    return 0
