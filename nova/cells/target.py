"""How to reach a cell: its database and its bus, made at first use and kept."""

from __future__ import annotations

import threading
from collections.abc import Callable

from groundwork.database import Database
from nova.cells.registry import Cell
from nova.rpc.bus import Bus


class Targets:
    """Databases and buses of cells. A changed URL makes a new one at the next use. Thread safe."""

    def __init__(
        self,
        *,
        open_database: Callable[[str], Database],
        open_bus: Callable[[str], Bus],
    ) -> None:
        self._open_database = open_database
        self._open_bus = open_bus
        self._lock = threading.Lock()
        self._databases: dict[str, tuple[str, Database]] = {}
        self._buses: dict[str, tuple[str, Bus]] = {}

    def database(self, cell: Cell) -> Database:
        """The cell's database."""
        known = self._databases.get(cell.uuid)
        if known is None or known[0] != cell.database_url:
            with self._lock:
                known = self._databases.get(cell.uuid)
                if known is None or known[0] != cell.database_url:
                    known = (cell.database_url, self._open_database(cell.database_url))
                    self._databases[cell.uuid] = known
        return known[1]

    def bus(self, cell: Cell) -> Bus:
        """The cell's message bus; cell0 has none, nobody would listen."""
        known = self._buses.get(cell.uuid)
        if known is None or known[0] != cell.transport_url:
            with self._lock:
                known = self._buses.get(cell.uuid)
                if known is None or known[0] != cell.transport_url:
                    known = (cell.transport_url, self._open_bus(cell.transport_url))
                    self._buses[cell.uuid] = known
        return known[1]

    def close(self) -> None:
        """Give back all connections."""
        with self._lock:
            for _, database in self._databases.values():
                database.dispose()
            for _, bus in self._buses.values():
                bus.close()
            self._databases.clear()
            self._buses.clear()
