"""How to reach a cell: its database and its bus, made at first use and kept."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

import sqlalchemy as sa

from groundwork.database import Database
from nova.cells.registry import Cell
from nova.db.cell.models import instances
from nova.db.cell.server_order import order_of, steer
from nova.db.cell.server_query import ServerQuery, Sort
from nova.rpc.bus import Bus

# What a statement may take at least before its connection counts as dead. Shorter cuts off writers that wait for a row
# lock (MariaDB lets them wait for 50 s); longer keeps threads for longer in a cell whose machine vanished.
_SHORTEST_SILENCE_S = 60
_LONGEST_CONNECT_S = 10

# What most lists ask for.
_NEWEST = ServerQuery(sort=(Sort("created_at", True),), limit=1, is_deleted=False)


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
        open_lists: Callable[[str], Database] | None = None,
    ) -> None:
        """``open_lists`` opens databases that end what takes them too long; without, lists have no limit there."""
        self._open_database = open_database
        self._open_lists = open_lists
        self._open_bus = open_bus
        self._lock = threading.Lock()
        self._databases: dict[tuple[str, str], Database] = {}
        self._lists: dict[tuple[str, str], Database] = {}
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

    def lists(self, cell: Cell) -> Database:
        """As :meth:`database`, for reading what may take long: over connections of its own, with a limit.

        SQLite has no such limit, so there it is the same.
        """
        if self._open_lists is None:
            return self.database(cell)
        name = (cell.uuid, cell.database_url)
        known = self._lists.get(name)
        if known is None:
            if sa.make_url(cell.database_url).get_backend_name() == "sqlite":
                known = self.database(cell)
            else:
                known = self._open_lists(cell.database_url)
            with self._lock:
                known = self._lists.setdefault(name, known)
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
        """Ask the cell for its newest server over a connection of its own; pooled ones may hang since it went away.

        It is read as a list of one would be: a cell that is slow with every list is slow with this.

        :raises Exception: there is no answer, for whatever reason.
        """
        open_database = self._open_lists or self._open_database
        database = open_database(with_timeouts(cell.database_url, silence_s=timeout_s))
        database.close_when_unused()
        with database.read() as tx:
            tx.execute(_newest(tx.dialect)).all()

    def keep_only(self, cells: Iterable[Cell]) -> None:
        """Forget databases and buses that none of these cells has; to be told whenever the mappings were read."""
        cells = tuple(cells)
        database_names = {(cell.uuid, cell.database_url) for cell in cells}
        bus_names = {(cell.uuid, cell.transport_url) for cell in cells}
        with self._lock:
            for databases in (self._databases, self._lists):
                for name in databases.keys() - database_names:
                    databases.pop(name).close_when_unused()
            for name in self._buses.keys() - bus_names:
                self._buses.pop(name).close_when_unused()

    def close(self) -> None:
        """Give back all connections."""
        with self._lock:
            for database in (*self._databases.values(), *self._lists.values()):
                database.dispose()
            for bus in self._buses.values():
                bus.close()
            self._databases.clear()
            self._lists.clear()
            self._buses.clear()


def _newest(dialect: str) -> sa.Select[tuple[str, str | None]]:
    # Not only what stands in the index.
    newest = sa.select(instances.c.uuid, instances.c.display_name).where(instances.c.deleted == 0)
    return steer(newest.order_by(*order_of(dialect, _NEWEST.sort)).limit(1), _NEWEST)


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
