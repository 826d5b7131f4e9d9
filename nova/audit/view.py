"""What one look of the audit can read: which cells, how far it may judge, and pages out of short transactions."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Protocol, TypeVar

import groundwork.columns
from groundwork.database import Database, Transaction
from nova.cells.registry import Cell
from nova.clients.placement import Placement
from nova.db.api import census as api_census
from nova.db.api.census import Counted
from nova.db.cell import census, services
from nova.db.cell.census import CountedServer, Node, UnansweredMove

LOG = logging.getLogger(__name__)
T = TypeVar("T")

# Rows of one short transaction. More holds it longer and needs more memory; fewer asks more often.
PAGE = 500


class Databases(Protocol):
    """Finds the database of a cell (:class:`nova.cells.target.Targets` does)."""

    def database(self, cell: Cell) -> Database: ...


class View:
    """Made anew for each look: cells that cannot be read now are left out, and named in ``unreadable``."""

    def __init__(
        self,
        *,
        api_database: Database,
        cells: Sequence[Cell],
        databases: Databases,
        placement: Placement,
        idle_s: float,
        only: str | None = None,
        clock: Callable[[], datetime] = groundwork.columns.now,
    ) -> None:
        """``only``: uuid of the one cell to look through; the others serve for comparison then.

        ``idle_s``: seconds after which what nobody works on, and who does not report, is given up.
        """
        self.api_database = api_database
        self.placement = placement
        self.idle_s = idle_s
        self.now = clock()
        self._databases = databases
        self._only = only
        self._all = tuple(cells)
        self.readable: list[Cell] = []
        self.unreadable: dict[str, str] = {}
        for cell in cells:
            self._probe(cell)

    def _probe(self, cell: Cell) -> None:
        try:
            with self._databases.database(cell).read() as tx:
                services.find_by_id(tx, 0)
        except Exception as exc:
            # Whatever the database says, the other cells can be looked at.
            LOG.warning("cell %s (%s) cannot be audited: %s", cell.name, cell.uuid, exc)
            self.unreadable[cell.uuid] = str(exc).splitlines()[0] if str(exc) else repr(exc)
            return
        self.readable.append(cell)

    @property
    def walked(self) -> Sequence[Cell]:
        """The cells to look through, cell0 included."""
        return [cell for cell in self.readable if self._only in (None, cell.uuid)]

    @property
    def walked_with_hosts(self) -> Sequence[Cell]:
        """The same without cell0."""
        return [cell for cell in self.walked if not cell.is_cell0]

    @property
    def is_whole(self) -> bool:
        """Whether every cell can be asked; otherwise nothing can be said to be nowhere."""
        return not self.unreadable

    @property
    def is_everything(self) -> bool:
        """Whether what belongs to no cell is looked at too."""
        return self._only is None

    def walks(self, cell_uuid: str | None) -> bool:
        """Whether what belongs to this cell, or to none, is looked at."""
        return self.is_everything or cell_uuid == self._only

    def is_unreadable(self, cell_id: int) -> bool:
        """Whether a mapping points to a cell that cannot be asked now."""
        return any(cell.id == cell_id and cell.uuid in self.unreadable for cell in self._all)

    def by_id(self, cell_id: int | None) -> Cell | None:
        """The readable cell of a mapping row."""
        return next((cell for cell in self.readable if cell.id == cell_id), None)

    def ask(self, cell: Cell, query: Callable[[Transaction], T]) -> T:
        """One question in a transaction of its own."""
        with self._databases.database(cell).read() as tx:
            return query(tx)

    def ask_api(self, query: Callable[[Transaction], T]) -> T:
        """The same of the API database."""
        with self.api_database.read() as tx:
            return query(tx)

    def cell0_services(self) -> Sequence[services.ServiceRow] | None:
        """The services above the cells; None when cell0 cannot be read."""
        cell0 = next((cell for cell in self.readable if cell.is_cell0), None)
        return None if cell0 is None else self.ask(cell0, services.list_services)

    def servers(self, cell: Cell) -> Iterator[Sequence[CountedServer]]:
        """All living servers of a cell, a page at a time."""
        return pages(lambda query: self.ask(cell, query), census.living)

    def servers_on(self, cell: Cell, node: Node) -> Sequence[CountedServer]:
        """The living servers of a node."""
        return self.ask(cell, lambda tx: census.living_on(tx, node.host, node.name))

    def moves_from(self, cell: Cell, node: Node) -> Sequence[UnansweredMove]:
        """The moves away from a node that wait for an answer."""
        return self.ask(cell, lambda tx: census.unanswered_from(tx, node.host, node.name))

    def mappings(self) -> Iterator[Sequence[Counted]]:
        """All mappings that count, of the cells looked through, a page at a time."""
        if self.is_everything:
            yield from pages(self.ask_api, api_census.counting)
            return
        for cell in self.walked:
            yield from pages(self.ask_api, partial(api_census.counting, cell_id=cell.id))

    def mappings_of(self, uuids: Iterable[str]) -> Mapping[str, Counted]:
        """The mappings of these servers."""
        return self.ask_api(lambda tx: api_census.mappings_of(tx, list(uuids)))

    def being_built(self, uuids: Iterable[str]) -> frozenset[str]:
        """Those of these servers that are build requests."""
        return self.ask_api(lambda tx: api_census.being_built(tx, list(uuids)))

    def living_in(self, cell: Cell, uuids: Sequence[str]) -> Mapping[str, CountedServer]:
        """Those of these servers that live in the cell."""
        return self.ask(cell, lambda tx: census.living_among(tx, uuids))

    def living(self, uuids: Iterable[str]) -> Mapping[str, Mapping[str, CountedServer]]:
        """Where each of these servers lives: server uuid -> cell uuid -> row; asks every readable cell."""
        wanted = list(uuids)
        found: dict[str, dict[str, CountedServer]] = {}
        if not wanted:
            return found
        for cell in self.readable:
            for uuid, row in self.living_in(cell, wanted).items():
                found.setdefault(uuid, {})[cell.uuid] = row
        return found


def pages(
    ask: Callable[[Callable[[Transaction], Any]], Any], query: Callable[..., Any]
) -> Iterator[Any]:
    """Pages of a query that takes ``after_id`` and ``limit``, each out of a transaction of its own."""
    after_id = 0
    while True:
        page = ask(lambda tx, after=after_id: query(tx, after_id=after, limit=PAGE))  # type: ignore[misc]
        if page:
            yield page
            after_id = page[-1].id
        if len(page) < PAGE:
            return
