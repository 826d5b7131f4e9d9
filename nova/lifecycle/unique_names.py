"""Names that no two servers have at the same time (``[DEFAULT] osapi_compute_unique_server_name_scope``).

Two requests for one name at the same moment:

1. Both lock the same row of the API database in the transaction that inserts their build requests: the project's, or
   one for the whole cloud. One goes on, the other waits for its commit.
2. The first looks at build requests, then at the cells, finds the name free, inserts and commits.
3. The second looks now. The first one's server still is a build request, or has been handed over to a cell and is found
   there: a hand-over writes the cell's row before it drops the build request, and build requests are read first.

So no race is left between creates, which are the only way to a name: servers are not renamed yet. An operation that
does so has to lock, check and write in this order too. What it cannot see are servers of a cell that have no mapping,
and creates of a nova-api whose option has another value.

A cell that does not answer may have the name, so creates are refused with :class:`Unavailable` until it does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum

from groundwork.database import Database, Transaction
from groundwork.errors import Conflict, Unavailable
from nova.cells.registry import Cell, Registry
from nova.cells.scatter import Down, Late, Scatter
from nova.db.api import builds, instance_mappings, quotas
from nova.db.cell import server_names
from nova.domain.server import Server

# The lock row of the whole cloud. Identity services give out no project id with a space in it.
_GLOBAL_HOLDER = "unique server names"


class NameScope(StrEnum):
    """Among which servers a name is taken."""

    PROJECT = "project"
    GLOBAL = "global"


class UniqueNames:
    """Keeps names unique. Thread safe."""

    def __init__(
        self, scope: NameScope, *, api_database: Database, registry: Registry, scatter: Scatter
    ) -> None:
        self._scope = scope
        self._api_database = api_database
        self._registry = registry
        self._scatter = scatter

    def check(self, tx: Transaction, servers: Sequence[Server]) -> None:
        """Nothing, when the names of these new servers of one project are free until ``tx`` ends.

        ``tx`` is of the API database, inserts the servers, and holds the project's quota lock. :meth:`prepare` comes
        first.

        :raises Conflict: one is taken.
        :raises Unavailable: a cell that may have one does not answer.
        """
        project_id = servers[0].project_id if self._scope is NameScope.PROJECT else None
        if project_id is None:
            is_locked = quotas.lock(tx, _GLOBAL_HOLDER)
            assert is_locked, "prepare() comes first"
        names = {server.display_name or "" for server in servers}
        for taken in self._taken(tx, names, project_id):
            raise Conflict(f"A server with the name {taken} already exists.")

    def prepare(self) -> None:
        """Make sure that there is a row to lock; before the transaction of :meth:`check` begins."""
        if self._scope is NameScope.GLOBAL:
            with self._api_database.read() as tx:
                is_there = quotas.has_lock(tx, _GLOBAL_HOLDER)
            if not is_there:
                quotas.make_lock(self._api_database, _GLOBAL_HOLDER)

    def _taken(self, tx: Transaction, names: set[str], project_id: str | None) -> Iterator[str]:
        lowered = {name.lower() for name in names}
        for build in builds.visible(tx, project_id=project_id):
            name = build.server.display_name or ""
            if name.lower() in lowered:
                yield name
        answers = self._scatter.ask(
            self._cells(tx, project_id),
            lambda cell_tx: server_names.taken(cell_tx, names, project_id=project_id),
        )
        for cell, answer in answers.items():
            match answer:
                case Late() | Down():
                    raise Unavailable(
                        f"Cell {cell.name} does not answer, so it is not known whether the name is taken.",
                        cell=cell.uuid,
                    )
                case found:
                    yield from found

    def _cells(self, tx: Transaction, project_id: str | None) -> Sequence[Cell]:
        if project_id is None:
            # One that was created a moment ago may have servers already.
            self._registry.forget()
            return self._registry.all()
        ids = instance_mappings.cells_of_project(tx, project_id)
        return [self._registry.by_id(cell_id) for cell_id in ids]
