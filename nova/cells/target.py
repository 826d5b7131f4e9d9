"""How to reach a cell: its database and its bus, made at first use and kept."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

import sqlalchemy as sa

from groundwork.database import Database
from nova.cells.registry import Cell
from nova.db.cell.models import instances
from nova.rpc.bus import Bus

# What a statement may take at least before its connection counts as dead. Shorter cuts off writers that wait for a row
# lock (MariaDB lets them wait for 50 s); longer keeps threads for longer in a cell whose machine vanished.
_SHORTEST_SILENCE_S = 60
_LONGEST_CONNECT_S = 10


class Targets:
    """Databases and buses of cells. Thread safe.

    A changed URL makes a new one at the next use. The old one is forgotten by :meth:`keep_only`, and its connections
    are closed when the last one who holds it lets go of it.
    """

    def __init__(
        self,
        *,
        open_database: Callable[[str], Database],
        open_bus: Callable[[str], Bus],
    ) -> None:
        self._open_database = open_database
        self._open_bus = open_bus
        self._lock = threading.Lock()
        self._databases: dict[tuple[str, str], Database] = {}
        self._buses: dict[tuple[str, str], Bus] = {}

    def database(self, cell: Cell) -> Database:
        """The cell's database; to be asked for anew for each piece of work, since its URL may change."""
        name = (cell.uuid, cell.database_url)
        known = self._databases.get(name)
        if known is None:
            with self._lock:
                known = self._databases.get(name)
                if known is None:
                    known = self._databases[name] = self._open_database(cell.database_url)
        return known

    def bus(self, cell: Cell) -> Bus:
        """The cell's message bus, to be asked for anew likewise; cell0 has none, nobody would listen."""
        name = (cell.uuid, cell.transport_url)
        known = self._buses.get(name)
        if known is None:
            with self._lock:
                known = self._buses.get(name)
                if known is None:
                    known = self._buses[name] = self._open_bus(cell.transport_url)
        return known

    def probe(self, cell: Cell, *, timeout_s: float) -> None:
        """Ask the cell something cheap over a connection of its own; pooled ones may hang since the cell went away.

        :raises Exception: there is no answer, for whatever reason.
        """
        database = self._open_database(with_timeouts(cell.database_url, silence_s=timeout_s))
        database.close_when_unused()
        with database.read() as tx:
            tx.execute(sa.select(instances.c.id).limit(1)).all()

    def keep_only(self, cells: Iterable[Cell]) -> None:
        """Forget databases and buses that none of these cells has; to be told whenever the mappings were read."""
        cells = tuple(cells)
        database_names = {(cell.uuid, cell.database_url) for cell in cells}
        bus_names = {(cell.uuid, cell.transport_url) for cell in cells}
        with self._lock:
            for name in self._databases.keys() - database_names:
                self._databases.pop(name).close_when_unused()
            for name in self._buses.keys() - bus_names:
                self._buses.pop(name).close_when_unused()

    def close(self) -> None:
        """Give back all connections."""
        with self._lock:
            for database in self._databases.values():
                database.dispose()
            for bus in self._buses.values():
                bus.close()
            self._databases.clear()
            self._buses.clear()


def with_timeouts(url: str, *, silence_s: float = _SHORTEST_SILENCE_S) -> str:
    """The URL with what makes its driver give up on a machine that vanished, unless the operator said it already.

    Without, a thread that waits for an answer waits for as long as the kernel does: a quarter of an hour, or for ever.
    """
    parsed = sa.make_url(url)
    silence = max(1, round(silence_s))
    connect = min(silence, _LONGEST_CONNECT_S)
    match parsed.get_backend_name():
        case "mysql":
            wanted = {"connect_timeout": connect, "read_timeout": silence}
        case "postgresql":
            wanted = {
                "connect_timeout": connect,
                "tcp_user_timeout": silence * 1000,
                "keepalives_idle": silence,
            }
        case _:
            return url
    missing = {name: str(value) for name, value in wanted.items() if name not in parsed.query}
    return parsed.update_query_dict(missing).render_as_string(hide_password=False)
