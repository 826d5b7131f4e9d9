"""The index of one process, always as fresh as the database."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta

import sqlalchemy as sa
from oslo_db import exception as db_exc

from groundwork.database import Database, Transaction
from placement.candidates.index.feed import Feed
from placement.candidates.index.index import Index
from placement.candidates.index.loading import Loader
from placement.db import models
from placement.db.queries import changes
from placement.db.steady import SteadyReader

LOG = logging.getLogger(__name__)

# Changes between two looks whether old rows of the feed can go, and the age at which they do. A process that does
# not read for so long loads everything anew.
_TRIM_EVERY = 5_000
_FEED_KEPT = timedelta(hours=1)


class LiveIndex:
    """Gives the index to one thread at a time, with all that was committed before it was asked for."""

    def __init__(self, *, database: Database, clock: Callable[[], float]) -> None:
        """``clock``: seconds, monotonic. Nothing is loaded before the first use, so a process may fork after this."""
        self._database = database
        self._clock = clock
        self._lock = threading.Lock()
        self._reader = SteadyReader(database=database, clock=clock)
        self._loader = Loader()
        self._feed: Feed | None = None
        self._index = Index()
        self._applied = 0
        self._begun = 0  # how many refreshments have begun
        self._current = 0  # the number of the latest one that succeeded

    @contextmanager
    def fresh(
        self, *, traits: Collection[str] = (), classes: Collection[str] = ()
    ) -> Iterator[Index]:
        """The index as committed now, for this thread alone until the block ends.

        :raises UnknownNames: one of these is no trait or class.
        """
        names = {models.traits: traits, models.resource_classes: classes}
        seen = self._begun
        with self._lock:
            # A refreshment that began after we came serves us too: several that wait are served by one.
            if self._current <= seen or self._loader.needs_look(names):
                try:
                    self._look(names)
                except db_exc.DBConnectionError:
                    # The server was restarted, or we were idle for too long.
                    self._look(names)
            yield self._index
        if self._applied >= _TRIM_EVERY:
            self._trim()

    def _look(self, names: Mapping[sa.Table, Collection[str]]) -> None:
        with self._reader.read() as tx:
            self._loader.require(tx, names)
            self._refresh(tx)

    @property
    def missing(self) -> int:
        """How many ids of the change feed are waited for."""
        return self._feed.missing if self._feed is not None else 0

    def _refresh(self, tx: Transaction) -> None:
        self._begun += 1
        number = self._begun
        feed, self._feed = self._feed, None
        # Whatever fails from here on, the next one loads everything: what was read of the feed must not be lost.
        touched = feed.read(tx) if feed is not None and not self._index.is_worn else None
        if feed is None or touched is None:
            feed, touched = self._load(tx)
        if touched:
            facts = self._loader.some(tx, touched)
            self._index.apply(facts, touched - {fact.id for fact in facts})
            self._applied += len(touched)
        self._feed, self._current = feed, number

    def _load(self, tx: Transaction) -> tuple[Feed, set[int]]:
        """Load everything; the place in the feed, and the providers that were touched meanwhile."""
        begun_at = self._clock()
        feed = Feed(database=self._database, clock=self._clock)
        touched: set[int] | None = None
        while touched is None:
            feed.start(tx)
            self._loader, self._index = Loader(), Index()
            self._index.apply(self._loader.everything(tx))
            touched = feed.read(tx)
        LOG.info("loaded %d providers in %.2f s", self._index.size, self._clock() - begun_at)
        return feed, touched

    def _trim(self) -> None:
        self._applied = 0
        try:
            self._database.run(lambda tx: changes.trim(tx, older_than=_FEED_KEPT))
        except db_exc.DBError as exc:
            LOG.warning("old rows of the change feed could not be removed: %s", exc)
