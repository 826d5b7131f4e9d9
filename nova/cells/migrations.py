"""Migrations wherever they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from groundwork.errors import Invalid, Unavailable
from nova.cells.merge import sort_value
from nova.cells.pages import merged_page
from nova.cells.registry import Registry
from nova.cells.scatter import Down, Late, Scatter
from nova.db.cell import server_migrations
from nova.db.cell.server_migrations import MigrationQuery
from nova.domain.migration import Migration


class Migrations:
    """Lists migrations over all cells that have hosts."""

    def __init__(self, *, registry: Registry, scatter: Scatter) -> None:
        self._registry = registry
        self._scatter = scatter

    def page(self, query: MigrationQuery, *, marker: str | None = None) -> Sequence[Migration]:
        """One page, newest first; cells that miss the deadline are left out and never delay the others.

        :raises Invalid: ``marker`` is the uuid of no migration that the query's project can see.
        :raises Unavailable: the marker may be in a cell that does not answer.
        """
        if marker is not None:
            last = self._marked(marker, query.project_id)
            query = replace(query, after=server_migrations.position(last))
        if query.limit == 0:
            return ()
        found = merged_page(
            self._scatter,
            self._registry.real(),
            lambda tx: server_migrations.page(tx, query),
            key=_newest_first,
            identity=lambda migration: migration.uuid,
            limit=query.limit,
        )
        return found.rows

    def _marked(self, uuid: str, project_id: str | None) -> Migration:
        answers = self._scatter.ask(
            self._registry.real(), lambda tx: server_migrations.find(tx, uuid)
        )
        is_silent = False
        for answer in answers.values():
            match answer:
                case Late() | Down():
                    is_silent = True
                case Migration() if project_id in (None, answer.project_id):
                    return answer
        if is_silent:
            raise Unavailable(f"marker [{uuid}] may be in a cell that does not answer now.")
        raise Invalid(f"marker [{uuid}] not found")


def _newest_first(migration: Migration) -> tuple[object, ...]:
    return tuple(sort_value(value, True) for value in server_migrations.position(migration))
