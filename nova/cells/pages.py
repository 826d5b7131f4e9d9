"""One sorted page over many cells, each of which gives a sorted page of its own."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from groundwork.database import Transaction
from nova.cells.merge import merge
from nova.cells.registry import Cell
from nova.cells.scatter import Down, Late, Line, Scatter

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class MergedPage(Generic[T]):
    """The rows, and the cells that did not answer."""

    rows: tuple[T, ...]
    missing: tuple[Cell, ...] = ()


def merged_page(
    scatter: Scatter,
    cells: Iterable[Cell],
    read: Callable[[Transaction], Sequence[T]],
    *,
    key: Callable[[T], tuple[Any, ...]],
    identity: Callable[[T], str],
    limit: int | None,
) -> MergedPage[T]:
    """The first ``limit`` rows (None: all) of what the cells answer, in the order of ``key``.

    :param read: one cell's rows, in the same order and cut at the same limit.
    """
    answers = scatter.ask(cells, read, line=Line.LISTS)
    pages: list[Sequence[T]] = []
    missing: list[Cell] = []
    for answer in answers.values():
        match answer:
            case Late(cell) | Down(cell):
                missing.append(cell)
            case _:
                pages.append(answer)
    merged = merge(pages, key=key, identity=identity)
    return MergedPage(tuple(itertools.islice(merged, limit)), tuple(missing))
