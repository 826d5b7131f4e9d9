"""The sign of life of services that may open their level's database: registration and heartbeats."""

from __future__ import annotations

import logging

from groundwork.database import Database
from nova.db.cell import services
from nova.service import SERVICE_VERSION, Identity

LOG = logging.getLogger(__name__)


class LifeSigns:
    """Registers a service and reports that it lives, in a database that it may open itself."""

    def __init__(self, database: Database, identity: Identity, *, topic: str) -> None:
        self._database = database
        self._identity = identity
        self._topic = topic

    def register(self) -> None:
        """Take over the service's row; a process that had it before finds out at its next report."""
        me = self._identity
        self._database.run(
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
        """Say that this incarnation lives; when its row was removed, register anew."""
        me = self._identity
        mine = self._database.run(
            lambda tx: services.heartbeat(tx, me.host, me.binary, me.incarnation)
        )
        if mine:
            return
        with self._database.read() as tx:
            found = services.find(tx, me.host, me.binary)
        if found is None:
            self.register()
            return
        LOG.error(
            "another %s runs as host %s: give each process its own [DEFAULT] host",
            me.binary,
            me.host,
        )
