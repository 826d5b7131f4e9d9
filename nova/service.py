"""What every daemon is: something with a name that starts, reports that it lives, and stops."""

from __future__ import annotations

import logging
import uuid
from dataclasses import dataclass, field
from typing import Protocol

from groundwork.database import Database
from nova.db.cell import services

LOG = logging.getLogger(__name__)

#: Grows when this release can do something that computes of an older one cannot.
SERVICE_VERSION = 1


class Daemon(Protocol):
    """A part of a process."""

    def start(self) -> None:
        """Begin to work; everything it needs to take requests is there when this returns."""

    def stop(self) -> None:
        """Finish what is in hand and end."""


@dataclass(frozen=True, slots=True)
class Identity:
    """One running process of a service. A restart is a new incarnation, and what the old one owned is orphaned."""

    binary: str
    host: str
    incarnation: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def owner(self) -> str:
        """How the journal names it."""
        return f"{self.binary}@{self.host}"


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
