"""Who is alive, as the services of one level report in their database.

A living process that is taken for dead loses its work to somebody else while it still does it, so in doubt everybody
lives. Where services report may change while they run (for those above the cells, with the mapping of cell0), and they
do not all notice at the same moment:

1. A service starts after the change, and reports and works by the new database. 2. Somebody who has not noticed looks
for it in the old one, and finds nothing, or its predecessor. So nobody is judged by what was known a moment ago: before
a judgement database and rows are looked up anew. Whoever holds a claim had reported before, so it is found there.
3. Who has noticed looks into the new database, and finds no others yet, or how they were when it was copied. So what
stands in a database when one begins to look at it proves nothing for ``service_down_time``.
4. The new database takes no reports, and everybody looks silent there. So nobody is judged by those who cannot find
their own reports.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from groundwork import columns
from groundwork.database import Database
from nova.db.cell import services
from nova.db.cell.services import ServiceRow
from nova.life_signs import ReportingDatabase
from nova.liveness import has_reported, is_up
from nova.service import Identity

# Reading the services for every operation of a pass would cost more than the pass; older than this is too old.
_FRESH_S = 1.0


@dataclass(frozen=True, slots=True)
class _Sight:
    """The services of a database; ``since`` is when this process began to look at it, by two clocks."""

    database: Database
    since: float
    since_time: datetime
    read_at: float
    rows: Mapping[tuple[str, str], ServiceRow]


class ReportedLiveness:
    """Reads the services table, at most once a second unless somebody seems to be dead.

    For the first ``service_down_time_s`` of looking at a database nobody counts as silent: after an outage of the
    whole cell all rows are old, and the hosts need time to report before they are judged.
    """

    def __init__(
        self,
        where: ReportingDatabase,
        observer: Identity,
        *,
        service_down_time_s: int,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = columns.now,
    ) -> None:
        """``observer``: the process that looks, which reports there itself."""
        self._where = where
        self._observer = observer
        self._down_time_s = service_down_time_s
        self._clock = clock
        self._now = now
        # For the database that is there at first: rows of before count from now on, not from the first question.
        self._started = (clock(), now())
        self._lock = threading.Lock()
        self._sight: _Sight | None = None

    def is_alive(self, owner: str, incarnation: str) -> bool:
        """Whether that very process still reports, or may do so."""
        if not self._is_dead(self._look(self._where.known()), owner, incarnation):
            return True
        return not self._is_dead(self._look_anew(self._where.latest()), owner, incarnation)

    def is_host_up(self, host: str) -> bool:
        """Whether the host's compute service reports; a removed one does not."""
        sight = self._look(self._where.known())
        row = sight.rows.get((services.COMPUTE, host))
        if row is None or row.forced_down:
            return False
        return self._is_new(sight) or is_up(row, self._now(), self._down_time_s)

    def _is_dead(self, sight: _Sight, owner: str, incarnation: str) -> bool:
        binary, _, host = owner.partition("@")
        row = sight.rows.get((binary, host))
        if row is not None and row.forced_down:
            return True
        is_other = row is None or row.incarnation != incarnation
        if self._is_new(sight):
            return row is not None and is_other and _has_reported_since(row, sight.since_time)
        if not self._is_seen(sight):
            return False
        return row is None or is_other or not is_up(row, self._now(), self._down_time_s)

    def _is_new(self, sight: _Sight) -> bool:
        return self._clock() - sight.since < self._down_time_s

    def _is_seen(self, sight: _Sight) -> bool:
        """Whether the observer's own reports arrive there."""
        me = self._observer
        row = sight.rows.get((me.binary, me.host))
        return (
            row is not None
            and row.incarnation == me.incarnation
            and has_reported(row.last_seen_up, self._now(), self._down_time_s)
        )

    def _look(self, database: Database) -> _Sight:
        with self._lock:
            known = self._sight
            if (
                known is not None
                and known.database is database
                and self._clock() - known.read_at <= _FRESH_S
            ):
                return known
            return self._read(database)

    def _look_anew(self, database: Database) -> _Sight:
        with self._lock:
            return self._read(database)

    def _read(self, database: Database) -> _Sight:
        known = self._sight
        if known is None:
            since, since_time = self._started
        elif known.database is database:
            since, since_time = known.since, known.since_time
        else:
            since, since_time = self._clock(), self._now()
        with database.read() as tx:
            rows = services.list_services(tx)
        self._sight = _Sight(
            database=database,
            since=since,
            since_time=since_time,
            read_at=self._clock(),
            rows={(row.binary, row.host): row for row in rows},
        )
        return self._sight


def _has_reported_since(row: ServiceRow, moment: datetime) -> bool:
    return row.last_seen_up is not None and row.last_seen_up >= moment
