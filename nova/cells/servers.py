"""Servers wherever they are: in a cell, in cell0, or still a build request."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from groundwork.database import Database, Transaction
from groundwork.errors import Invalid, Unavailable
from groundwork.patterns import contains
from nova.cells.batches import Batches, Reading, ShareOfPage
from nova.cells.merge import merge, sort_value
from nova.cells.registry import Cell, Registry
from nova.cells.scatter import Down, Late, Scatter
from nova.cells.target import Targets
from nova.db.api import builds, instance_mappings
from nova.db.cell import server_order, server_pages
from nova.db.cell.server_order import Place, position
from nova.db.cell.server_pages import Found, ServerRow
from nova.db.cell.server_query import ServerQuery, Sort
from nova.domain.server import Server
from nova.errors import ServerNotFound

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Located:
    """A server and where it is; ``cell`` None while it is a build request."""

    row: ServerRow
    cell: Cell | None

    @property
    def server(self) -> Server:
        """The server."""
        return self.row.server

    @property
    def project_id(self) -> str:
        """Whose it is, as policies ask."""
        return self.row.server.project_id

    @property
    def user_id(self) -> str:
        """Who made it, as policies ask."""
        return self.row.server.user_id


@dataclass(frozen=True, slots=True)
class Page:
    """One sorted page over all cells; ``missing`` are the cells that did not answer."""

    rows: Sequence[ServerRow]
    missing: tuple[Cell, ...] = ()


class Servers:
    """Finds servers over all cells."""

    def __init__(
        self,
        *,
        api_database: Database,
        registry: Registry,
        targets: Targets,
        scatter: Scatter,
        only_cells_of_project: bool = False,
        batches: Batches | None = None,
    ) -> None:
        """``only_cells_of_project``: ask only cells where the project has servers, at the cost of one query more.

        ``batches``: how many rows a cell is asked for at a time; its share of the page by default.
        """
        self._api_database = api_database
        self._registry = registry
        self._targets = targets
        self._scatter = scatter
        self._only_cells_of_project = only_cells_of_project
        self._batches = batches or ShareOfPage()

    def find(self, uuid: str, *, with_deleted: bool = False, with_host: bool = False) -> Located:
        """The server with its newest fault, and with how its host is when asked for.

        :raises ServerNotFound: nowhere, or deleted.
        :raises Unavailable: its cell does not answer.
        """
        look = partial(server_pages.find, uuid=uuid, with_deleted=with_deleted, with_host=with_host)
        return Located(*self._look_up(uuid, look, of_build=ServerRow))

    def _look_up(
        self,
        uuid: str,
        look: Callable[[Transaction], T | None],
        *,
        of_build: Callable[[Server], T],
    ) -> tuple[T, Cell | None]:
        """What ``look`` finds in the server's cell, or ``of_build`` makes of its build request; and the cell."""
        if "\0" in uuid:
            # PostgreSQL refuses to look for it.
            raise not_found(uuid)
        # Twice, because a server may move from its build request into a cell between two reads.
        for _ in range(2):
            with self._api_database.read() as tx:
                mapping = instance_mappings.find(tx, uuid)
                build = builds.find(tx, uuid) if mapping and mapping.cell_id is None else None
            if mapping is None:
                break
            if mapping.cell_id is not None:
                cell = self._registry.by_id(mapping.cell_id)
                return self._in_cell(uuid, cell, look), cell
            if build is not None:
                if build.cancel_requested:
                    break
                return of_build(build.server), None
        raise not_found(uuid)

    def _in_cell(self, uuid: str, cell: Cell, look: Callable[[Transaction], T | None]) -> T:
        match self._scatter.ask([cell], look)[cell]:
            case Late() | Down():
                raise Unavailable(f"Cell {cell.name} does not answer.", cell=cell.uuid)
            case None:
                raise not_found(uuid)
            case found:
                return found

    def page(
        self, query: ServerQuery, *, project_id: str | None, marker: str | None = None
    ) -> Page:
        """One sorted page over all cells that the query can touch.

        Cells that miss the deadline are listed in ``Page.missing`` and never delay the others. Order is that of
        ``query.sort`` then uuid; it is stable while rows do not change.

        :raises Invalid: the marker names no server that this query's project can see; or a filter makes no sense.
        """
        if marker is not None:
            query = replace(query, after=self._marker(marker, project_id, query.sort))
        if query.limit == 0:
            return Page(())
        # Build requests first: a server in transit is then seen at least once, and merging drops the second sight.
        waiting = self._waiting(query, project_id)
        reading = Reading(self._scatter, query, self._batches)
        key = _key_of(query)
        merged = merge(
            [*reading.of_cells(self._cells(project_id)), waiting],
            key=lambda found: key(found.position),
            identity=lambda found: found.uuid,
        )
        rows = [found.open() for found in itertools.islice(merged, query.limit)]
        return Page(tuple(rows), tuple(reading.missing))

    def _marker(
        self, uuid: str, project_id: str | None, sort: Sequence[Sort]
    ) -> tuple[object, ...]:
        """Where the marker stands in this order."""
        # Deleted ones too: the last server of a page may be deleted before the next page is asked for.
        try:
            found, _ = self._look_up(
                uuid,
                partial(server_order.find_place, uuid=uuid, sort=sort),
                of_build=lambda server: Place(server.project_id, position(server, sort)),
            )
        except ServerNotFound as exc:
            raise Invalid(f"marker [{uuid}] not found") from exc
        if project_id is not None and found.project_id != project_id:
            raise Invalid(f"marker [{uuid}] not found")
        return found.position

    def _cells(self, project_id: str | None) -> Sequence[Cell]:
        cells = self._registry.all()
        if not self._only_cells_of_project or project_id is None:
            return cells
        with self._api_database.read() as tx:
            ids = set(instance_mappings.cells_of_project(tx, project_id))
        return [cell for cell in cells if cell.id in ids]

    def _waiting(self, query: ServerQuery, project_id: str | None) -> Sequence[Found]:
        """The build requests that the query selects, sorted as the cells sort; there are few, so in Python."""
        with self._api_database.read() as tx:
            waiting = [build.server for build in builds.visible(tx, project_id=project_id)]
        found = [
            Found(position(server, query.sort), partial(ServerRow, server))
            for server in waiting
            if selects(query, server)
        ]
        key = _key_of(query)
        found.sort(key=lambda each: key(each.position))
        if query.after is not None:
            start = key(query.after)
            found = [each for each in found if key(each.position) > start]
        return found[: query.limit]


def not_found(uuid: str) -> ServerNotFound:
    """What clients are told about a server that is not there (for them)."""
    return ServerNotFound(f"Instance {uuid} could not be found.", server=uuid)


def selects(query: ServerQuery, server: Server) -> bool:
    """Whether a server that is in no database row yet passes the filters of a query, as SQL would decide.

    :raises Invalid: a pattern cannot be searched for.
    """
    if query.is_deleted:
        return False
    if query.is_locked is not None and query.is_locked != (server.locked_by is not None):
        return False
    for name, values in query.equals.items():
        value = server.flavor.flavorid if name == "flavorid" else getattr(server, name)
        if value not in values:
            return False
    for name, patterns in query.matches.items():
        value = getattr(server, name)
        if value is None or not any(contains(str(value), pattern) for pattern in patterns):
            return False
    if query.states is not None and not any(
        states.vm_state == server.vm_state
        and (states.task_states is None or server.task_state in states.task_states)
        for states in query.states
    ):
        return False
    changed_at = server.updated_at or server.created_at
    if query.changes_since is not None and changed_at < query.changes_since:
        return False
    if query.changes_before is not None and changed_at > query.changes_before:
        return False
    has, tags = set(server.tags), query.tags
    return (
        has.issuperset(tags.all_of)
        and (not tags.any_of or not has.isdisjoint(tags.any_of))
        and (not tags.not_all_of or not has.issuperset(tags.not_all_of))
        and has.isdisjoint(tags.not_any_of)
    )


def _key_of(query: ServerQuery) -> Callable[[Sequence[object]], tuple[object, ...]]:
    """Makes of a position what Python sorts by as the databases do."""
    last = query.sort[0].is_descending if query.sort else False
    directions = (*(each.is_descending for each in query.sort), last)
    return lambda position: tuple(map(sort_value, position, directions))
