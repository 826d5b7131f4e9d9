"""Finding one thing that any cell may hold, when some cells are silent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from groundwork.database import Transaction
from groundwork.errors import Invalid, NotFound, Unavailable
from nova.cells.registry import Cell
from nova.cells.scatter import Down, Late, Line, Scatter

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answers(Generic[T]):
    """What cells said, in the order in which they were asked, and which said nothing."""

    told: Mapping[Cell, T]
    silent: tuple[Cell, ...]


def ask(
    scatter: Scatter,
    cells: Iterable[Cell],
    query: Callable[[Transaction], T],
    *,
    line: Line = Line.LOOKUPS,
) -> Answers[T]:
    """The answers of some cells, silence set apart."""
    answers = scatter.ask(cells, query, line=line)
    told: dict[Cell, T] = {}
    silent = []
    for cell, answer in answers.items():
        if isinstance(answer, Late | Down):
            silent.append(cell)
        else:
            told[cell] = answer
    return Answers(told, tuple(silent))


def only(answers: Answers[T | None], *, name: str, unique: bool) -> tuple[Cell, T]:
    """The one cell that holds the thing, and the thing.

    :param name: what was looked for, as the beginning of a sentence: ``Service 7``.
    :param unique: whether no two cells can hold it (a uuid, not a number): then silent cells are of no interest once
        it is found.
    :raises NotFound: no cell holds it.
    :raises Invalid: several do; a uuid would tell them apart.
    :raises Unavailable: a silent cell may hold it.
    """
    found = [(cell, thing) for cell, thing in answers.told.items() if thing is not None]
    if len(found) > 1:
        raise Invalid(f"{name} is in several cells: use its UUID, with version 2.53 or newer.")
    if answers.silent and not (found and unique):
        raise Unavailable(
            f"{name} may be in a cell that does not answer now.",
            internal=f"silent: {', '.join(cell.uuid for cell in answers.silent)}",
        )
    if not found:
        raise NotFound(f"{name} could not be found.")
    return found[0]
