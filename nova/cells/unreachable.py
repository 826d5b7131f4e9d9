"""Servers whose cell does not answer: what the API database knows of them (Compute API 2.69)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from groundwork.database import Database
from nova.cells.registry import Cell
from nova.cells.servers import not_found
from nova.db.api import instance_mappings
from nova.db.api.instance_mappings import KnownServer


class UnreachableServers:
    """Reads mappings and request specs."""

    def __init__(self, api_database: Database) -> None:
        self._database = api_database

    def find(self, uuid: str) -> KnownServer:
        """:raises ServerNotFound: there is no such server, or it is on its way out."""
        with self._database.read() as tx:
            found = instance_mappings.known_server(tx, uuid)
        if found is None:
            raise not_found(uuid)
        return found

    def of_cells(
        self, cells: Iterable[Cell], project_id: str | None, *, limit: int
    ) -> Sequence[KnownServer]:
        """The servers of these cells, newest first, at most ``limit``."""
        if limit <= 0:
            return ()
        with self._database.read() as tx:
            return instance_mappings.known_servers(
                tx, [cell.id for cell in cells], project_id, limit=limit
            )
