"""The answer to a move: how confirming and reverting begin. What they do then is in a file each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from groundwork.columns import now
from groundwork.context import RequestContext
from groundwork.database import Transaction
from nova.db.cell import server_migrations, servers
from nova.domain.migration import Migration, MigrationStatus
from nova.domain.server import Server
from nova.lifecycle.states import TaskState
from nova.saga.journal import Journal


@dataclass(frozen=True, slots=True)
class Answer:
    """One of the answers for which a finished move waits."""

    #: The operation that it begins.
    action: str
    #: What the server and the migration are in while that is under way.
    task_state: TaskState
    status: MigrationStatus
    #: What the operation is told of the move.
    payload_of: Callable[[Migration], Any]
    #: Whether it is of no use while the host that the server has left is down.
    needs_source: bool = False

    def begin(
        self,
        tx: Transaction,
        journal: Journal,
        server: Server,
        migration: Migration,
        context: RequestContext,
    ) -> bool:
        """Answer a finished move in the open transaction; False when the server is busy or gone."""
        payload = self.payload_of(migration)
        if not servers.swap_task_state(
            tx,
            server.uuid,
            expect=(None,),
            values={"task_state": self.task_state, "updated_at": now()},
        ):
            return False
        taken = server_migrations.swap_status(
            tx, migration.uuid, self.status, expect=(MigrationStatus.FINISHED,)
        )
        assert taken, "nobody else answers while the task_state is ours"
        journal.begin(tx, action=self.action, server=server, payload=payload, context=context)
        return True
