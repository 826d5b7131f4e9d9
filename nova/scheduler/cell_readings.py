"""What the cells have told of their hosts, and when they are asked again.

A cell is asked by one thread at a time; others who need the same wait for that answer, and for no other cell's.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from math import inf

from nova.cells.registry import Cell
from nova.cells.scatter import Down, Late, Line, Scatter
from nova.scheduler.arrivals import Arrivals
from nova.scheduler.cell_hosts import CellHosts, Moment, Reading, read_cell


@dataclass(frozen=True, slots=True)
class Freshness:
    """Ages in seconds. Larger: fewer queries; smaller: a failed host is chosen for a shorter time.

    ``rows`` is for services, new nodes, mappings and aggregates, ``counts`` for the numbers of servers. ``full`` is
    when deleted nodes are noticed at the latest. ``silence`` is how long a cell that was late is left alone: asking it
    costs everybody the deadline, where one that is known to be down says so at once. ``share`` is the part of the time
    that reading may take: with very many hosts rows get older instead.

    ``arrival`` is how long a server is counted on the host that was chosen for it while its cell does not have it. It
    has to be longer than a hand-over takes, or limits are exceeded; a build that never gets there (cancelled, or lost
    with its conductor) takes up room in the counts for as long.
    """

    rows_s: float = 2.0
    counts_s: float = 5.0
    full_s: float = 60.0
    silence_s: float = 10.0
    arrival_s: float = 60.0
    share: float = 0.05


class CellReadings:
    """Hosts by cell, and the cells of all nodes. Guarded by the host table's lock, which is let go of while cells are
    asked; who calls a method holds it.
    """

    def __init__(
        self,
        scatter: Scatter,
        lock: threading.Lock,
        arrivals: Arrivals,
        *,
        freshness: Freshness,
        with_counts: bool,
        with_images: bool,
        moment: Callable[[], Moment],
    ) -> None:
        """See :class:`~nova.scheduler.hosts.HostTable`; ``moment`` is now."""
        self._scatter = scatter
        self._lock = lock
        self._arrivals = arrivals
        self._fresh = freshness
        self._with_counts = with_counts
        #: Of which images servers are: told from the next counts on.
        self.with_images = with_images
        self._moment = moment
        self.cells: dict[int, CellHosts] = {}
        self.cell_of_node: dict[str, int] = {}
        #: Of answers that were taken; what was made of them holds as long as it stays.
        self.number = 0
        #: Cells (ids) that some thread is asking, and the news that one of them has answered or will not.
        self.asking: set[int] = set()
        self.told = threading.Condition(lock)
        self._reading_took_s = 0.0
        self._counting_took_s = 0.0
        #: Counts from before this (monotonic seconds) made a request fail.
        self._counts_not_before_s = -inf

    def doubt_counts(self, not_before: Moment) -> None:
        """Counts from before that make a request fail: see :meth:`HostTable.doubt_counts`."""
        self._counts_not_before_s = max(self._counts_not_before_s, not_before.clock_s)

    def has_told(self, cell_id: int, at: Moment) -> bool:
        """Whether what the cell has told is of this moment or later."""
        hosts = self.cells[cell_id]
        return hosts.silent_since is None and age_s(hosts.read_at, at) <= 0

    def refresh(
        self, cells: Sequence[Cell], at: Moment, not_before: Moment | None
    ) -> Collection[int]:
        """Have those of the cells asked that were not asked lately, all at once; their ids.

        Lets go of the lock while it waits.
        """
        asked: set[int] = set()
        shared: set[int] = set()
        while True:
            in_full: list[Cell] = []
            in_part: list[Cell] = []
            is_another_asking = False
            for cell in cells:
                hosts = self.cells.setdefault(cell.id, CellHosts(cell.uuid))
                if cell.id in asked or self._is_left_alone(hosts, at, not_before):
                    continue
                is_full = age_s(hosts.read_in_full_at, at) >= self._fresh.full_s
                if not is_full and not self.is_old(hosts.read_at, at, not_before):
                    continue
                if cell.id in self.asking:
                    is_another_asking = True
                    shared.add(cell.id)
                else:
                    (in_full if is_full else in_part).append(cell)
            if in_full:
                self._ask(in_full, since=None)
            elif in_part:
                times = [read.time for c in in_part if (read := self.cells[c.id].read_at)]
                self._ask(in_part, since=min(times))
            elif is_another_asking:
                self.told.wait()
            else:
                return asked | shared
            asked.update(cell.id for cell in in_full or in_part)

    def is_old(self, read_at: Moment | None, at: Moment, not_before: Moment | None) -> bool:
        """Whether rows that were read then are to be read again."""
        max_age_s = max(self._fresh.rows_s, self._reading_took_s / self._fresh.share)
        if read_at is None or age_s(read_at, at) >= max_age_s:
            return True
        return not_before is not None and read_at.clock_s < not_before.clock_s

    def _is_left_alone(self, hosts: CellHosts, at: Moment, not_before: Moment | None) -> bool:
        """Whether the cell said nothing the last time, and that was just now."""
        if hosts.silent_since is None:
            return False
        if hosts.was_late:
            return age_s(hosts.silent_since, at) < self._fresh.silence_s
        return not self.is_old(hosts.silent_since, at, not_before)

    def _ask(self, cells: Sequence[Cell], *, since: datetime | None) -> None:
        """Ask these cells, and take each answer when it comes: others wait for this cell and not for the rest."""
        at = self._moment()
        with_counts = self._with_counts and any(self._is_counted_too_early(c, at) for c in cells)
        arrivals = self._arrivals.servers() if with_counts else ()
        query = partial(
            read_cell,
            since=since,
            with_counts=with_counts,
            with_images=self.with_images,
            arrivals=arrivals,
        )
        awaited = {cell.id for cell in cells}
        self.asking |= awaited

        def take(cell: Cell, answer: Reading | Late | Down) -> None:
            if cell.id not in awaited:
                return
            awaited.discard(cell.id)
            self.asking.discard(cell.id)
            self._take(cell, answer, at, arrivals)
            self.told.notify_all()

        def hear(cell: Cell, answer: Reading | Late | Down) -> None:
            with self._lock:
                take(cell, answer)

        try:
            with self._unlocked():
                answers = self._scatter.ask(cells, query, line=Line.LISTS, heard=hear)
            for cell, answer in answers.items():
                take(cell, answer)
        finally:
            self.asking -= awaited
            self.told.notify_all()

    def _take(
        self, cell: Cell, answer: Reading | Late | Down, at: Moment, arrivals: Collection[str]
    ) -> None:
        """``at`` is when the cell was asked, ``arrivals`` those that it was asked for."""
        hosts = self.cells[cell.id]
        self.number += 1
        if isinstance(answer, Late | Down):
            # The scatter has logged why. From now on: when it was asked is a deadline ago.
            hosts.silent_since = self._moment()
            hosts.was_late = isinstance(answer, Late)
            return
        hosts.take(answer, at=at)
        self._arrivals.settle(cell.uuid, arrivals, answer.sightings, asked_at_s=at.clock_s)
        self.cell_of_node.update(dict.fromkeys((n.uuid for n in answer.nodes), cell.id))
        took_s = self._moment().clock_s - at.clock_s
        if not answer.is_full:
            self._reading_took_s = took_s
        if answer.counts is not None:
            self._counting_took_s = took_s

    def _is_counted_too_early(self, cell: Cell, at: Moment) -> bool:
        counted_at = self.cells[cell.id].counted_at
        since_s = age_s(counted_at, at)
        if counted_at is None or since_s >= self._fresh.counts_s:
            return True
        is_doubted = counted_at.clock_s < self._counts_not_before_s
        return is_doubted and since_s >= self._counting_took_s / self._fresh.share

    @contextmanager
    def _unlocked(self) -> Iterator[None]:
        self._lock.release()
        try:
            yield
        finally:
            self._lock.acquire()


def age_s(moment: Moment | None, at: Moment) -> float:
    """Seconds; of what never was, infinitely many."""
    return inf if moment is None else at.clock_s - moment.clock_s
