"""What is done above the cells for operations whose journal is in one: their SUPER steps."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import Executor

from groundwork.columns import now
from groundwork.database import Transaction
from nova.cells.scatter import Down, Late
from nova.db import journal as rows
from nova.lifecycle.operations import OPERATIONS
from nova.lifecycle.tools import SuperTools
from nova.saga.journal import Journal
from nova.saga.operation import Claimant, Failure, Operations, Order, Outcome, Place
from nova.saga.sweeper import Liveness, Sweeper
from nova.saga.worker import Worker

LOG = logging.getLogger(__name__)

# Seconds between two looks into all cells. Each is one small question to every cell; longer makes a lost hint, or a
# super-conductor that died in the middle of a move, cost more.
SWEEP_CELLS_S = 2.0


class CellWork:
    """A worker for each cell's journal, and the sweep over all of them. Thread safe."""

    def __init__(
        self,
        *,
        tools: SuperTools,
        claimant: Claimant,
        liveness: Liveness,
        executor: Executor,
        operations: Operations = OPERATIONS,
    ) -> None:
        """``liveness``: of those who work above the cells."""
        self._tools = tools
        self._claimant = claimant
        self._liveness = liveness
        self._executor = executor
        self._operations = operations
        self._lock = threading.Lock()
        self._workers: dict[str, Worker] = {}

    def worker(self, cell_uuid: str) -> Worker:
        """Who works on operations of that cell here."""
        with self._lock:
            if cell_uuid not in self._workers:
                self._workers[cell_uuid] = Worker(
                    door=_CellDoor(self._tools, cell_uuid),
                    operations=self._operations,
                    claimant=self._claimant,
                    tools=self._tools,
                )
            return self._workers[cell_uuid]

    def look_again(self) -> None:
        """See ``Worker.look_again``."""
        with self._lock:
            workers = dict(self._workers)
        for cell_uuid, worker in workers.items():
            worker.look_again(lambda each, cell_uuid=cell_uuid: self._submit(cell_uuid, each))  # type: ignore[misc]

    def sweep(self) -> None:
        """Find operations that wait for somebody above the cells, or that a dead one of us holds.

        All cells are asked at once, and one that does not answer delays no other; only where something waits is there
        more to do.
        """
        cells = [cell for cell in self._tools.registry.all() if not cell.is_cell0]
        for cell, waits in self._tools.scatter.ask(cells, _has_work).items():
            if isinstance(waits, Late | Down) or not waits:
                continue
            try:
                Sweeper(
                    self._tools.journal_of(cell.uuid),
                    liveness=self._liveness,
                    places=(Place.SUPER,),
                    hinter=_Submitting(self, cell.uuid),
                ).sweep()
            except Exception:
                LOG.exception("cell %s could not be swept; it is tried again", cell.name)

    def _submit(self, cell_uuid: str, operation_id: int) -> None:
        try:
            self._executor.submit(self.worker(cell_uuid).look_at, (operation_id,))
        except RuntimeError:
            LOG.debug("operation %d is left to the next process", operation_id)


class _CellDoor:
    """A cell's journal as it is reached now: the cell may have got another URL since."""

    def __init__(self, tools: SuperTools, cell_uuid: str) -> None:
        self._tools = tools
        self._cell_uuid = cell_uuid

    def _journal(self) -> Journal:
        return self._tools.journal_of(self._cell_uuid)

    def claim(self, operation_id: int, claimant: Claimant) -> Order | None:
        """See ``Journal``."""
        return self._journal().claim(operation_id, claimant)

    def succeeded(self, order: Order, outcome: Outcome, claimant: Claimant) -> Order | None:
        """See ``Journal``."""
        return self._journal().succeeded(order, outcome, claimant)

    def failed(self, order: Order, failure: Failure, claimant: Claimant) -> Order | None:
        """See ``Journal``."""
        return self._journal().failed(order, failure, claimant)


class _Submitting:
    """Hints to ourselves."""

    def __init__(self, work: CellWork, cell_uuid: str) -> None:
        self._work = work
        self._cell_uuid = cell_uuid

    def hint(self, place: Place, host: str | None, operation_id: int) -> None:
        """Queue the operation for this process."""
        self._work._submit(self._cell_uuid, operation_id)


def _has_work(tx: Transaction) -> bool:
    places = (Place.SUPER,)
    return bool(
        rows.owners(tx, rows.CELL, places)
        or rows.due(tx, rows.CELL, places=places, now=now(), limit=1)
    )
