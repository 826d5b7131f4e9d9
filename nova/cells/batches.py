"""Reading a page from many cells batch by batch: a cell is asked for more only when what it gave is used up."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from groundwork.database import Transaction
from groundwork.errors import Invalid
from nova.cells.registry import Cell
from nova.cells.scatter import Down, Late, Line, Scatter
from nova.db.cell.server_pages import Found, PageReader
from nova.db.cell.server_query import ServerQuery


class Batches(Protocol):
    """How many rows a cell is asked for at first."""

    def size(self, limit: int, cells: int) -> int:
        """For a page of ``limit`` rows out of this many cells."""


@dataclass(frozen=True, slots=True)
class ShareOfPage:
    """A cell's share of the page and some more ("distributed").

    Of servers that are spread evenly a cell has ``share`` rows of the page on average, and seldom more than twice the
    square root of that above it: with less on top cells would often be asked again, with more most rows would be
    thrown away. Of pages of fifty rows from eight cells, one in twenty asks a cell again.
    """

    def size(self, limit: int, cells: int) -> int:
        """See :class:`Batches`."""
        share = limit / max(1, cells)
        return min(limit, math.ceil(share + 2 * math.sqrt(share)) + 1)


@dataclass(frozen=True, slots=True)
class FixedBatches:
    """Always as many ("fixed")."""

    rows: int

    def size(self, limit: int, cells: int) -> int:
        """See :class:`Batches`."""
        return min(limit, self.rows)


class Reading:
    """One page being read. ``missing`` are the cells that did not answer, complete when the page is."""

    def __init__(self, scatter: Scatter, query: ServerQuery, batches: Batches) -> None:
        self._scatter = scatter
        self._query = query
        self._batches = batches
        self.missing: list[Cell] = []

    def of_cells(self, cells: Sequence[Cell]) -> list[Iterator[Found]]:
        """The rows of each cell that answers, in order. All are asked for their first batch at once, now.

        :raises Invalid: a database refuses the query; so do the iterators.
        """
        # cell0 holds few servers, so it does not count where shares are made.
        size = self._batches.size(self._query.limit, sum(not cell.is_cell0 for cell in cells))
        return [
            self._rows(cell, batch, size)
            for cell, batch in self._ask(cells, replace(self._query, limit=size))
        ]

    def _rows(self, cell: Cell, batch: Sequence[Found], size: int) -> Iterator[Found]:
        read = 0
        while True:
            yield from batch
            read += len(batch)
            # It has no more, or the page cannot hold more.
            if len(batch) < size or read >= self._query.limit:
                return
            # Doubled: servers that are all in one cell take few questions more.
            size = min(size * 2, self._query.limit - read)
            more = replace(self._query, limit=size, after=batch[-1].position)
            answered = list(self._ask([cell], more))
            if not answered:
                return
            [(_, batch)] = answered

    def _ask(
        self, cells: Sequence[Cell], query: ServerQuery
    ) -> Iterator[tuple[Cell, Sequence[Found]]]:
        reader = PageReader(query)
        answers = self._scatter.ask(cells, lambda tx: _page_or_refusal(tx, reader), line=Line.LISTS)
        for cell, answer in answers.items():
            match answer:
                case Late() | Down():
                    self.missing.append(cell)
                case Invalid():
                    raise answer
                case _:
                    yield cell, answer


def _page_or_refusal(tx: Transaction, reader: PageReader) -> Sequence[Found] | Invalid:
    """A query that the database refuses is the caller's mistake, and no cell's silence."""
    try:
        return reader.read(tx)
    except Invalid as refusal:
        return refusal
