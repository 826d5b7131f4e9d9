"""Which way a server is deleted depends on where it is."""

from __future__ import annotations

from collections.abc import Callable

from groundwork.context import RequestContext
from groundwork.database import Database
from nova.cells.registry import Cell
from nova.cells.servers import Located, Servers
from nova.cells.target import Targets
from nova.clients.volumes import Attachments
from nova.db.api import instance_mappings
from nova.lifecycle import delete, volumes
from nova.lifecycle.accept import Intake
from nova.lifecycle.states import require_unlocked
from nova.saga.journal import Journal


class Deletion:
    """Deletes build requests, servers in cells, and servers buried in cell0."""

    def __init__(
        self,
        *,
        api_database: Database,
        servers: Servers,
        targets: Targets,
        intake: Intake,
        journal_of: Callable[[Cell], Journal],
        attachments: Attachments | None = None,
    ) -> None:
        """``attachments`` None: this deployment has no volumes."""
        self._api_database = api_database
        self._servers = servers
        self._targets = targets
        self._intake = intake
        self._journal_of = journal_of
        self.attachments = attachments

    def delete(self, context: RequestContext, located: Located) -> None:
        """Begin to delete the server; it stops counting for the quota at once.

        :raises Conflict: it is locked.
        :raises Unavailable: volumes that are to go with it cannot be deleted now; nothing has happened then.
        """
        server = located.server
        require_unlocked(server, verb="delete", is_admin=bool(context.is_admin))
        if located.cell is None:
            if self._intake.cancel(context, server):
                return
            # The build reached a cell between our look and our request.
            located = self._servers.find(server.uuid)
        if located.cell is None:
            return
        if located.cell.is_cell0:
            # Nobody works in cell0.
            volumes.delete_those_that_go_along(self, server)
        self._api_database.run(lambda tx: instance_mappings.queue_for_delete(tx, [server.uuid]))
        if located.cell.is_cell0:
            delete.delete_buried(self._targets.database(located.cell), server, context)
        else:
            delete.begin(self._journal_of(located.cell), server, context)
