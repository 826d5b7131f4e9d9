"""Ask many cells the same question; silence is a value."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TypeVar

from groundwork.database import Transaction
from nova.cells.registry import Cell
from nova.cells.target import Targets

LOG = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Late:
    """The cell did not answer before the deadline."""

    cell: Cell


@dataclass(frozen=True, slots=True)
class Down:
    """The cell's database could not be asked."""

    cell: Cell
    reason: str


class Scatter:
    """Questions to many cells at once, each with the same deadline. Thread safe."""

    def __init__(self, targets: Targets, *, threads: int, deadline_s: float) -> None:
        """``threads`` bounds the questions in flight of this process, late ones included."""
        self._targets = targets
        self._deadline_s = deadline_s
        self._pool = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="scatter")

    def ask(
        self,
        cells: Iterable[Cell],
        query: Callable[[Transaction], T],
        *,
        deadline_s: float | None = None,
    ) -> Mapping[Cell, T | Late | Down]:
        """Each cell's answer, or :class:`Late` or :class:`Down` in its place.

        Cells that miss the deadline (seconds, this object's own by default) never delay the others; their threads
        end by themselves when the database gives up.
        """
        futures = {self._pool.submit(self._ask_one, cell, query): cell for cell in cells}
        done, _ = wait(futures, timeout=deadline_s or self._deadline_s)
        answers: dict[Cell, T | Late | Down] = {}
        for future, cell in futures.items():
            if future in done:
                answers[cell] = future.result()
            else:
                future.cancel()
                LOG.warning("cell %s (%s) is late", cell.name, cell.uuid)
                answers[cell] = Late(cell)
        return answers

    def _ask_one(self, cell: Cell, query: Callable[[Transaction], T]) -> T | Down:
        started = time.monotonic()
        try:
            with self._targets.database(cell).read() as tx:
                return query(tx)
        except Exception as exc:
            # Whatever the database says, the other cells' answers stand.
            LOG.warning(
                "cell %s (%s) cannot be asked: %s (%.1f s)",
                cell.name,
                cell.uuid,
                exc,
                time.monotonic() - started,
            )
            return Down(cell, str(exc))

    def close(self) -> None:
        """Take no more questions."""
        self._pool.shutdown(wait=False, cancel_futures=True)
