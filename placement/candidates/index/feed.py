"""How far one reader has come in the change feed, and what it still waits for.

How no committed change is ever missed:
1. Writer A takes id 7, writer B takes 8 and commits. The reader sees 8, and remembers that 7 is missing.
2. Each later read asks for everything after 8, and for 7.
3. When A commits, the next read sees 7. When A has rolled back, 7 is given up, but only on proof: PostgreSQL says
   that all transactions which ran when 7 was first missed are over, and a look after that does not show it; on
   MariaDB the reader wrote the missing row itself, which it could not if A were still there.
The last row seen is asked for again each time: when it is gone the feed was trimmed past it, or the database is
another one, and everything has to be loaded anew.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from oslo_db import exception as db_exc

from groundwork.database import Database, Transaction
from placement.db.queries import changes

LOG = logging.getLogger(__name__)

# Age at which a missing id is looked into. Younger ones nearly always belong to a writer that is about to commit;
# older ones make every read ask for them.
_GAP_AGE_S = 5.0

# From so many missing ids on, one range is cheaper to ask for than each of them. (A Galera cluster numbers in steps,
# which looks like two missing ids for each that is there.)
_MANY_GAPS = 200

# A jump of more than this is not made by writers; loading everything costs less than waiting for all between.
_LONGEST_JUMP = 200_000


@dataclass(frozen=True, slots=True)
class _Gap:
    """Since when an id is missing, by our clock and by the number of the next transaction at that time."""

    noticed_at: float
    next_transaction: int


class Feed:
    """One reader's place in the feed. Not for several threads at once."""

    def __init__(self, *, database: Database, clock: Callable[[], float]) -> None:
        """``clock``: seconds, monotonic."""
        self._database = database
        self._clock = clock
        self._last = 0
        self._gaps: dict[int, _Gap] = {}
        self._oldest: int | None = None  # of all rows, when the first of the gaps was noticed

    def start(self, tx: Transaction) -> None:
        """Read from here on; whatever is loaded after this holds all that is before it, missing ids aside."""
        self._last, self._gaps = changes.newest(tx), {}
        if self._last and changes.leaves_gaps(tx):
            first = max(self._last - changes.WINDOW, 0) + 1
            present = {row_id for row_id, _ in changes.since(tx, first, ())}
            self._miss(tx, {*range(first, self._last)} - present)

    def read(self, tx: Transaction) -> set[int] | None:
        """The providers touched by what was committed since the last read.

        None: rows are gone that were not read yet. The reader has to start anew.
        """
        over = self._settle(tx)
        if len(self._gaps) > _MANY_GAPS:
            rows = changes.since(tx, min(self._gaps), ())
        else:
            rows = changes.since(tx, self._last, self._gaps)
        fresh = {row_id: one for row_id, one in rows if row_id > self._last or row_id in self._gaps}
        newest = max(fresh, default=0)
        if not self._is_unbroken(tx, rows, newest):
            return None
        for row_id in fresh.keys() | over:
            self._gaps.pop(row_id, None)
        if newest > self._last:
            missing = {*range(self._last + 1, newest)} - fresh.keys()
            self._last = newest
            if missing and changes.leaves_gaps(tx):
                self._miss(tx, missing)
        return set(fresh.values()) - {changes.NOBODY}

    @property
    def missing(self) -> int:
        """How many ids are waited for."""
        return len(self._gaps)

    def _is_unbroken(self, tx: Transaction, rows: list[tuple[int, int]], newest: int) -> bool:
        """Whether nothing that was not read can have been trimmed before ``rows`` were read."""
        if newest - self._last > _LONGEST_JUMP:
            return False
        if not self._last:
            return not rows or min(rows)[0] == 1
        if all(row_id != self._last for row_id, _ in rows):
            return False
        if not self._gaps:
            return True
        # A missing row could have come and gone between two reads.
        oldest = changes.oldest(tx)
        return oldest == self._oldest or (oldest is not None and oldest <= min(self._gaps))

    def _miss(self, tx: Transaction, ids: set[int]) -> None:
        if ids:
            bounds = changes.horizon(tx)
            gap = _Gap(self._clock(), bounds[1] if bounds else 0)
            if not self._gaps:
                self._oldest = changes.oldest(tx)
            self._gaps.update(dict.fromkeys(ids, gap))

    def _settle(self, tx: Transaction) -> set[int]:
        """The old gaps that will never be filled, unless the read that follows this still shows them."""
        if not self._gaps:
            return set()
        before = self._clock() - _GAP_AGE_S
        old = [row_id for row_id, gap in self._gaps.items() if gap.noticed_at <= before]
        if not old:
            return set()
        bounds = changes.horizon(tx)
        if bounds:
            return {one for one in old if self._gaps[one].next_transaction <= bounds[0]}
        try:
            with self._database.write() as own:
                changes.close_gaps(own, old)
        except db_exc.DBError as exc:
            LOG.debug("writers are still busy: %s", exc)
            postponed = _Gap(self._clock(), 0)
            self._gaps.update(dict.fromkeys(old, postponed))
        return set()
