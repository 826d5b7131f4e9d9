"""Finds operations that nobody works on: hints that were lost, workers that died, hosts that are down.

It takes no input. It looks at committed rows only, and what it does may be done by several sweepers at once: claims
are compare-and-swap.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Protocol

from groundwork.columns import now
from nova.db import journal as rows
from nova.saga.entry import HINT_AGAIN_S, Hinter
from nova.saga.journal import Journal
from nova.saga.operation import Place

LOG = logging.getLogger(__name__)

# Operations handled in one pass. More makes the pass long when a whole cell comes back; the rest is next.
_BATCH = 200


class Liveness(Protocol):
    """Who is alive, as the services of this level report."""

    def is_alive(self, owner: str, incarnation: str) -> bool:
        """Whether that very process still reports."""

    def is_host_up(self, host: str) -> bool:
        """Whether the compute service of the host reports (or was never seen: then nobody can tell)."""


class Sweeper:
    """One pass over one journal; called every few seconds and once at start."""

    def __init__(
        self,
        journal: Journal,
        *,
        liveness: Liveness,
        places: Sequence[Place],
        hinter: Hinter,
    ) -> None:
        """``places``: those that this level answers for."""
        self._journal = journal
        self._liveness = liveness
        self._places = tuple(places)
        self._hinter = hinter

    def sweep(self) -> int:
        """Free what dead owners hold, then hint at everything that is due; how many hints were given."""
        self._free_orphans()
        return self._hint_due()

    def _free_orphans(self) -> None:
        journal = self._journal
        with journal.database.read() as tx:
            owners = rows.owners(tx, journal.store.tables, self._places)
        for owner, incarnation in owners:
            if self._liveness.is_alive(owner, incarnation):
                continue
            free_orphans(journal, owner, incarnation)

    def _hint_due(self) -> int:
        journal = self._journal
        with journal.database.read() as tx:
            due = rows.due(tx, journal.store.tables, places=self._places, now=now(), limit=_BATCH)
        hinted = []
        for row in due:
            Place(row.place)
            if row.place_host is not None and not self._liveness.is_host_up(row.place_host):
                _logged(lambda row=row: self._go_on_without(row.id, row.place_host))  # type: ignore[misc]
                continue
            hinted.append(row)
        if hinted:
            ids = [row.id for row in hinted]
            until = now() + timedelta(seconds=HINT_AGAIN_S)
            journal.database.run(lambda tx: rows.postpone(tx, journal.store.tables, ids, until))
        for row in hinted:
            self._hinter.hint(Place(row.place), row.place_host, row.id)
        return len(hinted)

    def _go_on_without(self, operation_id: int, host: str) -> None:
        """Leave out every step in a row that would have to run on the host that is down."""
        while self._journal.host_is_down(operation_id, host):
            LOG.debug("operation %d has more to leave out on %s", operation_id, host)


def free_orphans(journal: Journal, owner: str, incarnation: str) -> int:
    """Take every claim of a dead owner away, so that others go on; how many operations that were."""
    freed = journal.database.run(
        lambda tx: rows.release_all(
            tx, journal.store.tables, owner=owner, incarnation=incarnation, now=now()
        )
    )
    LOG.warning("%s (%s) is gone; %d operations go on without it", owner, incarnation, freed)
    return freed


def _logged(work: Callable[[], None]) -> None:
    """One operation that cannot be moved must not keep the others from moving."""
    try:
        work()
    except Exception:
        LOG.exception("an operation could not be moved on")
