"""What servers used, wherever they are or were."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from groundwork.errors import Invalid
from nova.cells.merge import sort_value
from nova.cells.pages import merged_page
from nova.cells.registry import Registry
from nova.cells.scatter import Scatter
from nova.cells.servers import Servers
from nova.db.cell import usage
from nova.db.cell.usage import ServerUsage, UsageQuery
from nova.errors import ServerNotFound


class Usages:
    """Lists what servers used over all cells that have hosts."""

    def __init__(self, *, registry: Registry, scatter: Scatter, servers: Servers) -> None:
        self._registry = registry
        self._scatter = scatter
        self._servers = servers

    def page(self, query: UsageQuery, *, marker: str | None = None) -> Sequence[ServerUsage]:
        """One page by launch time and uuid; cells that miss the deadline are left out and never delay the others.

        :raises Invalid: ``marker`` is the uuid of no server that ran and that the query's project can see.
        :raises Unavailable: the marker's cell does not answer.
        """
        if marker is not None:
            query = replace(query, after=self._after(marker, query.project_id))
        if query.limit == 0:
            return ()
        found = merged_page(
            self._scatter,
            self._registry.real(),
            lambda tx: usage.page(tx, query),
            key=lambda row: (sort_value(row.launched_at, False), sort_value(row.uuid, False)),
            identity=lambda row: row.uuid,
            limit=query.limit,
        )
        return found.rows

    def _after(self, uuid: str, project_id: str | None) -> tuple[datetime, str]:
        # Deleted ones too: most of what is paged through here is deleted.
        try:
            found = self._servers.find(uuid, with_deleted=True).server
        except ServerNotFound as exc:
            raise Invalid(f"marker [{uuid}] not found") from exc
        if found.launched_at is None or project_id not in (None, found.project_id):
            raise Invalid(f"marker [{uuid}] not found")
        return found.launched_at, found.uuid
