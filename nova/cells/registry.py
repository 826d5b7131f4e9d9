"""Which cells there are, as the API database has it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa

from groundwork.database import Database
from groundwork.errors import NotFound
from nova.db.api.models import cell_mappings

CELL0_UUID = "00000000-0000-0000-0000-000000000000"

# How long a change of a mapping may stay unseen. Longer makes operators wait for an update_cell; shorter costs one
# small query more per interval and process.
_FRESH_S = 2.0


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: its database and its bus (cell0 has a database only)."""

    id: int
    uuid: str
    name: str
    transport_url: str
    database_url: str
    disabled: bool = False

    @property
    def is_cell0(self) -> bool:
        """Whether this is where builds are buried that never found a host."""
        return self.uuid == CELL0_UUID


class Registry:
    """The cells, re-read every few seconds. Thread safe."""

    def __init__(
        self,
        api_database: Database,
        *,
        fill: Callable[[str, str], str] | None = None,
        local_database_url: str = "",
        local_transport_url: str = "",
        on_read: Callable[[tuple[Cell, ...]], object] = lambda _cells: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``fill(stored, local)`` fills the ``{placeholders}`` of stored URLs from this process's own.

        ``on_read`` is told the cells each time they were read, so that others can forget those that are gone.
        """
        self._database = api_database
        self._fill = fill or (lambda stored, _local: stored)
        self._local_database_url = local_database_url
        self._local_transport_url = local_transport_url
        self._on_read = on_read
        self._clock = clock
        self._lock = threading.Lock()
        self._cells: tuple[Cell, ...] = ()
        self._read_at: float | None = None

    def all(self) -> tuple[Cell, ...]:
        """Every cell, cell0 included, in the order of their creation."""
        now = self._clock()
        if self._read_at is None or now - self._read_at > _FRESH_S:
            with self._lock:
                if self._read_at is None or now - self._read_at > _FRESH_S:
                    self._cells = self._read()
                    self._read_at = now
                    self._on_read(self._cells)
        return self._cells

    def real(self) -> tuple[Cell, ...]:
        """The cells that hold hosts: all but cell0."""
        return tuple(cell for cell in self.all() if not cell.is_cell0)

    def cell0(self) -> Cell:
        """Where unplaceable builds are buried. :raises NotFound: nobody ran ``cell_v2 map_cell0``."""
        return self.by_uuid(CELL0_UUID)

    def by_id(self, cell_id: int) -> Cell:
        """The cell of a mapping row. :raises NotFound: it was deleted."""
        return self._find(lambda cell: cell.id == cell_id, str(cell_id))

    def by_uuid(self, uuid: str) -> Cell:
        """The cell of that uuid. :raises NotFound: there is none."""
        return self._find(lambda cell: cell.uuid == uuid, uuid)

    def forget(self) -> None:
        """Read the mappings anew at the next question."""
        # A reading that somebody else has begun may not have seen what is asked for.
        with self._lock:
            self._read_at = None

    def _find(self, wanted: Callable[[Cell], bool], name: str) -> Cell:
        for _ in range(2):
            for cell in self.all():
                if wanted(cell):
                    return cell
            # It may have been created since the last reading.
            self.forget()
        raise NotFound(f"Cell {name} could not be found.", cell=name)

    def _read(self) -> tuple[Cell, ...]:
        with self._database.read() as tx:
            rows = tx.execute(sa.select(cell_mappings).order_by(cell_mappings.c.id)).all()
        return tuple(
            Cell(
                id=row.id,
                uuid=row.uuid,
                name=row.name or "",
                transport_url=self._fill(row.transport_url or "", self._local_transport_url),
                database_url=self._fill(row.database_connection or "", self._local_database_url),
                disabled=bool(row.disabled),
            )
            for row in rows
        )
