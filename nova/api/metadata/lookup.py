"""Finding the server that asks: through the mapping, or in the only cell that this process knows."""

from __future__ import annotations

import logging
from typing import Protocol

from groundwork.database import Database
from groundwork.errors import Unavailable
from nova.cells.registry import Registry
from nova.cells.scatter import Down, Late, Scatter
from nova.db.api import instance_mappings
from nova.db.cell import servers
from nova.domain.server import Server

LOG = logging.getLogger(__name__)


class ServerLookup(Protocol):
    """How to find a server by its uuid."""

    def find(self, server_uuid: str) -> Server | None:
        """The living server, None when there is none (yet). :raises Unavailable: its cell cannot be asked."""


class MappedServers:
    """Servers of every cell, each found with one question to the API database and one to its cell."""

    def __init__(self, *, api_database: Database, registry: Registry, scatter: Scatter) -> None:
        self._api_database = api_database
        self._registry = registry
        self._scatter = scatter

    def find(self, server_uuid: str) -> Server | None:
        """See :class:`ServerLookup`; a build request runs no guest that could ask."""
        with self._api_database.read() as tx:
            place = instance_mappings.find(tx, server_uuid)
        if place is None or place.cell_id is None:
            return None
        cell = self._registry.by_id(place.cell_id)
        # Scattered to one cell, for the deadline: guests of a silent cell must not hold all threads.
        answer = self._scatter.ask([cell], lambda tx: servers.find(tx, server_uuid))[cell]
        if isinstance(answer, Late | Down):
            raise Unavailable("Metadata is not available now.", internal=f"cell {cell.uuid}")
        return answer


class LocalServers:
    """Servers of one cell, for ``[api] local_metadata_per_cell``: nothing above the cell is asked."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    def find(self, server_uuid: str) -> Server | None:
        """See :class:`ServerLookup`."""
        try:
            with self._database.read() as tx:
                return servers.find(tx, server_uuid)
        except Exception as exc:
            # Whatever the database says, to guests it is a reason to ask again later.
            LOG.warning("the cell's database cannot be asked: %s", exc)
            raise Unavailable("Metadata is not available now.", internal=str(exc)) from exc
