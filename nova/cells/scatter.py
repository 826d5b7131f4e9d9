"""Ask many cells the same question; silence is a value.

Every cell has a :class:`~nova.cells.breaker.Breaker`, which knows when there is no use in asking, and two lines of
waiting questions, each with a few threads of its own: what looks things up by their keys never stands behind lists,
which take as long as their askers make them. In a process there are at most twice ``threads`` for a cell, and one that
probes it.
"""

from __future__ import annotations

import enum
import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from oslo_db import exception as db_exc

from groundwork.database import Database, Transaction
from groundwork.errors import Unavailable
from groundwork.sessions import was_cut_off
from nova.cells.breaker import LATE, Breaker, Condition, Doubt, Health, Ticket
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


class Line(enum.Enum):
    """Where a question waits for its turn: behind others of its kind."""

    #: What reads by key, and takes no time.
    LOOKUPS = "lookups"
    #: What may take long: lists of users, and whatever reads much. The database ends what takes longer than the
    #: deadline, where it can.
    LISTS = "lists"


class Scatter:
    """Questions to many cells at once, each with the same deadline. Thread safe.

    A cell that is dead or slow costs those who ask it one deadline, and those who ask others nothing.
    """

    def __init__(self, targets: Targets, *, threads: int, deadline_s: float) -> None:
        """``threads``: for each line of each cell, and so the questions of a kind that can be stuck in it."""
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
        line: Line = Line.LOOKUPS,
        deadline_s: float | None = None,
        heard: Callable[[Cell, T | Late | Down], object] | None = None,
    ) -> Mapping[Cell, T | Late | Down]:
        """Each cell's answer, or :class:`Late` or :class:`Down` in its place.

        Cells that miss the deadline (seconds, this object's own by default) never delay the others. One that as such
        does not answer, which a probe finds out meanwhile, is taken for down from then on, and says so at once until
        it answers again. The threads of what is late end by themselves when the database gives up.

        :param heard: told each answer when it comes in, by whichever thread has it; nothing of cells that are late.
        """
        cells = tuple(cells)
        answers: _Answers[T] = _Answers(cells, heard)
        for cell in cells:
            self._way_to(cell).ask(cell, query, answers, line)
        half_s = (self._deadline_s if deadline_s is None else deadline_s) / 2
        if not answers.wait(half_s):
            doubts = {
                cell: (breaker, breaker.doubt(ticket))
                for cell, (breaker, ticket) in answers.awaited().items()
            }
            answers.wait(half_s)
            answers.close()
            for cell, (breaker, doubt) in doubts.items():
                if isinstance(answers.by_cell[cell], Late):
                    _judge(cell, breaker, doubt)
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


def _judge(cell: Cell, breaker: Breaker, doubt: Doubt) -> None:
    """After the deadline of a question: is it the cell's fault?"""
    if not breaker.late(doubt) and breaker.is_current(doubt.ticket):
        LOG.warning("cell %s (%s) answers, but not a question in time", cell.name, cell.uuid)


class _Answers(Generic[T]):
    """What came in for one question. Each cell's first answer counts, and none after the deadline."""

    def __init__(
        self,
        cells: Sequence[Cell],
        heard: Callable[[Cell, T | Late | Down], object] | None = None,
    ) -> None:
        # In the order of the question, whoever answers first.
        self.by_cell: dict[Cell, T | Late | Down] = {cell: Late(cell) for cell in cells}
        self._heard = heard
        self._waiting: dict[Cell, tuple[Breaker, Ticket] | None] = dict.fromkeys(self.by_cell)
        self._lock = threading.Lock()
        self._complete = threading.Event()

    def expect(self, cell: Cell, breaker: Breaker, ticket: Ticket) -> None:
        self._waiting[cell] = (breaker, ticket)

    def is_waiting_for(self, cell: Cell) -> bool:
        return cell in self._waiting

    def put(self, cell: Cell, answer: T | Late | Down) -> None:
        with self._lock:
            if cell not in self._waiting:
                return
            del self._waiting[cell]
            self.by_cell[cell] = answer
            is_complete = not self._waiting
        if self._heard is not None:
            try:
                self._heard(cell, answer)
            except Exception:
                # The cell's thread is to go on; who asked has the answer all the same.
                LOG.exception("what cell %s answered could not be taken", cell.name)
        if is_complete:
            self._complete.set()

    def wait(self, timeout_s: float) -> bool:
        """Wait until all is there or the time has passed; whether all is there."""
        return not self._waiting or self._complete.wait(timeout_s)

    def awaited(self) -> Mapping[Cell, tuple[Breaker, Ticket]]:
        """The cells that have not answered yet."""
        with self._lock:
            return {cell: asked for cell, asked in self._waiting.items() if asked is not None}

    def close(self) -> None:
        """Take no more answers."""
        with self._lock:
            self._waiting = {}


class _Way:
    """The way to one cell: its threads, its breaker, and who is waiting at the other end."""

    def __init__(self, cell: Cell, targets: Targets, threads: int, deadline_s: float) -> None:
        self._targets = targets
        self._deadline_s = deadline_s
        self._lookups = Lane(f"cell-{cell.name}", threads=threads)
        self._lists = Lane(f"cell-{cell.name}-lists", threads=threads)
        # Who is to be told when the cell goes down, and as what they know it: its name may have changed since.
        self._askers: dict[_Answers[Any], Cell] = {}
        self._lock = threading.Lock()
        self.breaker = Breaker(
            cell,
            probe=lambda: targets.probe(cell, timeout_s=deadline_s),
            on_down=self._release,
            deadline_s=deadline_s,
        )

    def ask(
        self, cell: Cell, query: Callable[[Transaction], T], answers: _Answers[T], line: Line
    ) -> None:
        ticket = self.breaker.admit(line)
        lane = self._lists if line is Line.LISTS else self._lookups
        if ticket is None or ticket.is_trial:
            answers.put(cell, Down(cell, self.breaker.reason))
            if ticket is not None:
                asked_at = time.monotonic()
                lane.do(lambda: self._try(cell, query, line, ticket, asked_at))
            return
        answers.expect(cell, self.breaker, ticket)
        with self._lock:
            self._askers[answers] = cell
        if self.breaker.is_current(ticket):
            lane.do(lambda: self._answer(cell, query, line, answers, ticket))
        else:
            # It went down between the two, and whoever released the others has not seen us.
            self._release()

    def _answer(
        self,
        cell: Cell,
        query: Callable[[Transaction], T],
        line: Line,
        answers: _Answers[T],
        ticket: Ticket,
    ) -> None:
        try:
            # Nobody waits any more for what had to queue for too long.
            if not answers.is_waiting_for(cell):
                return
            answer = self._hear(cell, query, line)
            if isinstance(answer, _NoConnection):
                # In this order: who has been told asks nobody again.
                self.breaker.unreachable(ticket, answer.reason)
                answers.put(cell, Down(cell, answer.reason))
                return
            # Before the answer is given: who has it finds the cell up.
            if answers.is_waiting_for(cell):
                self.breaker.answered(ticket)
            answers.put(cell, answer)
        finally:
            with self._lock:
                self._askers.pop(answers, None)

    def _try(
        self,
        cell: Cell,
        query: Callable[[Transaction], object],
        line: Line,
        ticket: Ticket,
        asked_at: float,
    ) -> None:
        """A question whose answer nobody waits for, but the breaker."""
        if not self.breaker.is_current(ticket):
            return
        answer = self._hear(cell, query, line)
        if isinstance(answer, _NoConnection):
            self.breaker.unreachable(ticket, answer.reason)
        elif isinstance(answer, Late) or time.monotonic() - asked_at > self._deadline_s:
            self.breaker.silent(ticket, LATE)
        else:
            self.breaker.answered(ticket)

    def _hear(
        self, cell: Cell, query: Callable[[Transaction], T], line: Line
    ) -> T | Late | Down | _NoConnection:
        """What the cell says; Late where its database has ended the question."""
        is_reached = False
        started = time.monotonic()
        try:
            is_list = line is Line.LISTS
            database = self._targets.lists(cell) if is_list else self._targets.database(cell)
            with database.read() as tx:
                is_reached = True
                return query(tx)
        except Exception as exc:
            if not is_reached or isinstance(exc, db_exc.DBConnectionError):
                return _NoConnection(str(exc))
            if was_cut_off(exc):
                return Late(cell)
            # Whatever the database says, the other cells' answers stand.
            LOG.warning(
                "cell %s (%s) refuses a question: %s (%.1f s)",
                cell.name,
                cell.uuid,
                exc,
                time.monotonic() - started,
            )
            return Down(cell, str(exc))

    def _release(self) -> None:
        """All who wait for this cell: it will not come, so do not wait for the rest of your deadlines."""
        with self._lock:
            askers, self._askers = self._askers, {}
        for answers, cell in askers.items():
            answers.put(cell, Down(cell, self.breaker.reason))

    def close(self) -> None:
        self.breaker.close()
        self._lookups.close()
        self._lists.close()


@dataclass(frozen=True, slots=True)
class _NoConnection:
    """The cell was not reached, or lost on the way."""

    reason: str


def _name(cell: Cell) -> tuple[str, str]:
    return cell.uuid, cell.database_url
