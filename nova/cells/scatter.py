"""Ask many cells the same question; silence is a value."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from oslo_db import exception as db_exc

from groundwork.database import Database, Transaction
from groundwork.errors import Unavailable
from nova.cells.breaker import Breaker, Condition, Health, Ticket
from nova.cells.lane import Lane
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
    """The cell's database could not be asked, or is known not to answer."""

    cell: Cell
    reason: str


class Scatter:
    """Questions to many cells at once, each with the same deadline. Thread safe.

    Every cell has its own few threads and its own :class:`~nova.cells.breaker.Breaker`: a cell that is dead or slow
    costs those who ask it one deadline, and those who ask others nothing.
    """

    def __init__(self, targets: Targets, *, threads: int, deadline_s: float) -> None:
        """``threads``: for each cell, and so the questions that can be stuck in it."""
        self._targets = targets
        self._threads = threads
        self._deadline_s = deadline_s
        self._lock = threading.Lock()
        self._ways: dict[tuple[str, str], _Way] = {}

    def ask(
        self,
        cells: Iterable[Cell],
        query: Callable[[Transaction], T],
        *,
        deadline_s: float | None = None,
    ) -> Mapping[Cell, T | Late | Down]:
        """Each cell's answer, or :class:`Late` or :class:`Down` in its place.

        Cells that miss the deadline (seconds, this object's own by default) never delay the others; from then on they
        are taken for down, and say so at once until they answer again. Their threads end by themselves when the
        database gives up.
        """
        cells = tuple(cells)
        answers: _Answers[T] = _Answers(cells)
        for cell in cells:
            self._way_to(cell).ask(cell, query, answers)
        late = answers.wait(self._deadline_s if deadline_s is None else deadline_s)
        for cell, ticket in late.items():
            self._way_to(cell).breaker.silent(ticket, "it missed the deadline")
        return answers.by_cell

    def database(self, cell: Cell) -> Database:
        """The cell's database, for a change in this cell alone.

        :raises Unavailable: the cell is known to be down.
        """
        breaker = self._way_to(cell).breaker
        if breaker.condition.health is Health.DOWN:
            raise Unavailable(
                f"Cell {cell.name} does not answer.", internal=breaker.reason, cell=cell.uuid
            )
        return self._targets.database(cell)

    def conditions(self) -> Sequence[Condition]:
        """The health of every cell that was asked so far."""
        with self._lock:
            return [way.breaker.condition for way in self._ways.values()]

    def down(self) -> tuple[Cell, ...]:
        """The cells that are known not to answer now."""
        return tuple(c.cell for c in self.conditions() if c.health is not Health.UP)

    def keep_only(self, cells: Iterable[Cell]) -> None:
        """Forget cells and URLs that are not among these; to be told whenever the mappings were read."""
        kept = {_name(cell) for cell in cells}
        with self._lock:
            gone = [self._ways.pop(name) for name in self._ways.keys() - kept]
        for way in gone:
            way.close()

    def close(self) -> None:
        """Take no more questions."""
        self.keep_only(())

    def _way_to(self, cell: Cell) -> _Way:
        name = _name(cell)
        way = self._ways.get(name)
        if way is None:
            with self._lock:
                way = self._ways.get(name)
                if way is None:
                    way = _Way(cell, self._targets, self._threads, self._deadline_s)
                    self._ways[name] = way
        return way


class _Answers(Generic[T]):
    """What came in for one question. Each cell's first answer counts, and none after the deadline."""

    def __init__(self, cells: Sequence[Cell]) -> None:
        # In the order of the question, whoever answers first.
        self.by_cell: dict[Cell, T | Late | Down] = {cell: Late(cell) for cell in cells}
        self._waiting: dict[Cell, Ticket | None] = dict.fromkeys(self.by_cell)
        self._lock = threading.Lock()
        self._complete = threading.Event()

    def expect(self, cell: Cell, ticket: Ticket) -> None:
        self._waiting[cell] = ticket

    def is_waiting_for(self, cell: Cell) -> bool:
        return cell in self._waiting

    def put(self, cell: Cell, answer: T | Late | Down) -> None:
        with self._lock:
            if cell in self._waiting:
                del self._waiting[cell]
                self.by_cell[cell] = answer
                if not self._waiting:
                    self._complete.set()

    def wait(self, deadline_s: float) -> Mapping[Cell, Ticket]:
        """Wait until all is there or the deadline has passed; the cells that did not answer."""
        if self._waiting:
            self._complete.wait(deadline_s)
        with self._lock:
            late, self._waiting = self._waiting, {}
        return {cell: ticket for cell, ticket in late.items() if ticket is not None}


class _Way:
    """The way to one cell: its threads, its breaker, and who is waiting at the other end."""

    def __init__(self, cell: Cell, targets: Targets, threads: int, deadline_s: float) -> None:
        self._targets = targets
        self._lane = Lane(f"cell-{cell.name}", threads=threads)
        # Who is to be told when the cell goes down, and as what they know it: its name may have changed since.
        self._askers: dict[_Answers[Any], Cell] = {}
        self._lock = threading.Lock()
        self.breaker = Breaker(
            cell,
            probe=lambda: targets.probe(cell, timeout_s=deadline_s),
            on_down=self._release,
        )

    def ask(self, cell: Cell, query: Callable[[Transaction], T], answers: _Answers[T]) -> None:
        ticket = self.breaker.admit()
        if ticket is None:
            answers.put(cell, Down(cell, self.breaker.reason))
            return
        answers.expect(cell, ticket)
        with self._lock:
            self._askers[answers] = cell
        if self.breaker.is_current(ticket):
            self._lane.do(lambda: self._answer(cell, query, answers, ticket))
        else:
            # It went down between the two, and whoever released the others has not seen us.
            self._release()

    def _answer(
        self,
        cell: Cell,
        query: Callable[[Transaction], T],
        answers: _Answers[T],
        ticket: Ticket,
    ) -> None:
        try:
            # Nobody waits any more for what had to queue for too long.
            if answers.is_waiting_for(cell):
                self._ask(cell, query, answers, ticket)
        finally:
            with self._lock:
                self._askers.pop(answers, None)

    def _ask(
        self,
        cell: Cell,
        query: Callable[[Transaction], T],
        answers: _Answers[T],
        ticket: Ticket,
    ) -> None:
        answer: T | Down
        is_reached = False
        started = time.monotonic()
        try:
            with self._targets.database(cell).read() as tx:
                is_reached = True
                answer = query(tx)
        except Exception as exc:
            # Whatever the database says, the other cells' answers stand.
            answer = Down(cell, str(exc))
            if not is_reached or isinstance(exc, db_exc.DBConnectionError):
                answers.put(cell, answer)
                self.breaker.silent(ticket, str(exc))
                return
            LOG.warning(
                "cell %s (%s) refuses a question: %s (%.1f s)",
                cell.name,
                cell.uuid,
                exc,
                time.monotonic() - started,
            )
        # Before the answer is given: who has it finds the cell up.
        if answers.is_waiting_for(cell):
            self.breaker.answered(ticket)
        answers.put(cell, answer)

    def _release(self) -> None:
        """All who wait for this cell: it will not come, so do not wait for the rest of your deadlines."""
        with self._lock:
            askers, self._askers = self._askers, {}
        for answers, cell in askers.items():
            answers.put(cell, Down(cell, self.breaker.reason))

    def close(self) -> None:
        self.breaker.close()
        self._lane.close()


def _name(cell: Cell) -> tuple[str, str]:
    return cell.uuid, cell.database_url
