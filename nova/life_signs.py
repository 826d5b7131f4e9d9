"""The sign of life of services that may open their level's database: registration and heartbeats."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from groundwork.columns import now
from groundwork.database import Database
from nova.db.cell import services
from nova.domain.service_versions import SERVICE_VERSION
from nova.service import Identity

LOG = logging.getLogger(__name__)


class ReportingDatabase(Protocol):
    """Where the services of one level report. It may become another database while they run."""

    def known(self) -> Database:
        """As it was a moment ago."""

    def latest(self) -> Database:
        """As it is now, which costs a look: whatever others have done there, they have done it here or earlier."""


@dataclass(frozen=True, slots=True)
class OneDatabase:
    """The same one for as long as the process runs."""

    database: Database

    def known(self) -> Database:
        """Always the same."""
        return self.database

    def latest(self) -> Database:
        """Always the same."""
        return self.database


class LifeSigns:
    """Registers a service and reports that it lives, in a database that it may open itself."""

    def __init__(self, where: ReportingDatabase, identity: Identity, *, topic: str) -> None:
        self._where = where
        self._identity = identity
        self._topic = topic
        self._began: datetime | None = None

    def register(self) -> None:
        """Take over the service's row; a process that had it before finds out at its next report."""
        me = self._identity
        self._began = self._began or now()
        self._where.known().run(
            lambda tx: services.register(
                tx,
                me.host,
                me.binary,
                me.incarnation,
                version=SERVICE_VERSION,
                topic=self._topic,
            )
        )

    def report(self) -> None:
        """Say that this incarnation lives; register anew when its row was removed, or the database is another one.

        Another database may know the service from long ago. A process that reported before this one began is a
        predecessor, whose row is taken over; one that reported since runs beside it, and has taken over itself.
        """
        me = self._identity
        database = self._where.known()
        mine = database.run(lambda tx: services.heartbeat(tx, me.host, me.binary, me.incarnation))
        if mine:
            return
        with database.read() as tx:
            found = services.find(tx, me.host, me.binary)
        if found is None or self._is_predecessor(found):
            self.register()
            return
        LOG.error(
            "another %s runs as host %s: give each process its own [DEFAULT] host",
            me.binary,
            me.host,
        )

    def _is_predecessor(self, other: services.ServiceRow) -> bool:
        if self._began is None or other.last_seen_up is None:
            return True
        return other.last_seen_up < self._began
