"""The journal at work: who may run which step now, and what follows from its result.

Everything here happens inside one short transaction per call. The claim token makes it safe: whoever lost a claim
(because the service was thought dead, or the user deleted the server) finds that its result is not taken.

1. A hint says "look at operation X"; the worker claims it, which is a compare-and-swap.
2. It runs the step with no transaction open.
3. It reports under its token. In one transaction the server row changes, the event ends and the next step is
   recorded. When that step runs at the same place, the answer to the report is already its order.
4. If the worker dies at any point, the claim stays until the sweeper sees that the incarnation is gone.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec
import sqlalchemy as sa

from groundwork.columns import now
from groundwork.context import RequestContext
from groundwork.database import Database, Transaction
from nova.db import journal as rows
from nova.domain.server import Server
from nova.errors import OwnershipLost
from nova.saga.entry import HINT_AGAIN_S, Book, Entry, Hinter, ending, host_of
from nova.saga.operation import (
    AtDownHost,
    Claimant,
    Failure,
    Operations,
    Order,
    Outcome,
    State,
)
from nova.saga.store import Store

# Tries of an undo, or of a step of an operation that only goes forward, before people have to look. About an hour.
STUBBORN_TRIES = 60


class Journal:
    """The operations of one database. Thread safe."""

    def __init__(
        self, database: Database, store: Store, operations: Operations, hinter: Hinter
    ) -> None:
        self.database = database
        self.store = store
        self._operations = operations
        self._tables = store.tables
        self._book = Book(store, operations, hinter)

    def begin(
        self,
        tx: Transaction,
        *,
        action: str,
        server: Server,
        payload: Any,
        context: RequestContext,
        after: str | None = None,
        started_at: datetime | None = None,
    ) -> int:
        """Record a new operation in the caller's transaction; it is hinted at after the commit.

        The caller has made sure that it may run (task_state). ``after`` names a step that was done elsewhere.
        An unfinished operation on the server (only interrupting operations get here then) is asked to stop, and this
        one waits for it.
        """
        blocked_by = None
        for other in rows.alive_on_server(tx, self._tables, server.uuid):
            blocked_by = self._stop(tx, other) or blocked_by
        step = self._operations[action].after(after, server, payload)
        assert step is not None, f"{action} has nothing to do"
        host = host_of(step, server, payload)
        operation_id = rows.insert(
            tx,
            self._tables,
            {
                "action": action,
                "instance_uuid": server.uuid,
                "request_id": context.request_id,
                "user_id": context.user_id,
                "project_id": context.project_id,
                "start_time": started_at or now(),
                "updated_at": now(),
                "state": State.RUNNING,
                "step": step.name,
                "place": step.place,
                "place_host": host,
                "attempts": 0,
                "due_at": now() + timedelta(seconds=HINT_AGAIN_S),
                "payload": {"request": context.to_dict(), "values": msgspec.to_builtins(payload)},
                "blocked_by": blocked_by,
                "cancel_requested": False,
            },
        )
        if blocked_by is None:
            self._book.hint_after(tx, step.place, host, operation_id)
        return operation_id

    def _stop(self, tx: Transaction, other: sa.Row[Any]) -> int | None:
        """Stop an unfinished operation; its id when somebody is at work on it and has to finish the step first."""
        rows.request_cancel(tx, self._tables, other.id)
        interrupted = ending(State.INTERRUPTED)
        if other.claim is None and rows.swap(
            tx, self._tables, other.id, claim=None, values=interrupted
        ):
            return None
        return int(other.id)

    def claim(self, operation_id: int, claimant: Claimant) -> Order | None:
        """The order for the operation's next step, or None when there is nothing for this claimant to do now."""
        return self.database.run(lambda tx: self._claim(tx, operation_id, claimant))

    def _claim(self, tx: Transaction, operation_id: int, claimant: Claimant) -> Order | None:
        entry = self._find(tx, operation_id)
        if entry is None or entry.row.blocked_by is not None:
            return None
        row = entry.row
        # Only its owner may take a claim over: a successor of the process that had it, or that process itself, which
        # asks when it does not know of the claim. Others wait for the sweeper.
        if row.claim is not None and row.owner != claimant.owner:
            return None
        if entry.server is None:
            entry.end(State.INTERRUPTED)
            return None
        is_committed = entry.step.no_return and row.attempts > 0
        if row.cancel_requested and entry.state is State.RUNNING and not is_committed:
            return self._turn_round(entry, claimant, inclusive=row.attempts > 0)
        if not entry.run_here(claimant):
            if row.claim is None:
                entry.hint()
            return None
        return entry.take(claimant, attempt=row.attempts + 1)

    def _turn_round(
        self, entry: Entry, claimant: Claimant | None, *, inclusive: bool
    ) -> Order | None:
        """Make a cancelled operation go back.

        In a cell, what interrupts it (a delete) cleans up everything by the server's uuid, so there it just ends.
        """
        undo = entry.before(inclusive=inclusive) if self._tables is rows.BUILDS else None
        if undo is None:
            entry.end(State.INTERRUPTED)
            return None
        return entry.go_to(undo, State.UNDOING, claimant)

    def succeeded(self, order: Order, outcome: Outcome, claimant: Claimant) -> Order | None:
        """Record that the step (or undo) ran; the next order when it runs at the same place.

        :raises OwnershipLost: the claim was taken away; whatever the step did belongs to its successor.
        """
        return self.database.run(lambda tx: self._succeeded(tx, order, outcome, claimant))

    def _succeeded(
        self, tx: Transaction, order: Order, outcome: Outcome, claimant: Claimant
    ) -> Order | None:
        entry = self._owned(tx, order)
        entry.end_event(order.claim, "Success", {"details": outcome.details})
        entry.save(outcome.server, outcome.payload)
        if not order.undoing:
            entry.host_succeeded()
        return self._advance(entry, claimant, forward=outcome.forward, again=outcome.again)

    def _advance(
        self, entry: Entry, claimant: Claimant | None, *, forward: bool, again: bool = False
    ) -> Order | None:
        """Go to what follows a step that ran, was undone, or was left out."""
        if entry.server is None:
            entry.end(State.INTERRUPTED)
            return None
        cured = {"failure": None} if forward or again else {}
        if again and not entry.row.cancel_requested:
            return entry.go_to(entry.step, State.RUNNING, claimant, cured)
        undoing = entry.state is State.UNDOING and not forward
        if entry.row.cancel_requested and not undoing:
            return self._turn_round(entry, claimant, inclusive=True)
        following = entry.before(inclusive=False) if undoing else entry.after()
        if following is not None:
            state = State.UNDOING if undoing else State.RUNNING
            return entry.go_to(following, state, claimant, cured)
        if not undoing:
            entry.end(State.DONE)
        else:
            entry.end(State.FAILED if entry.row.failure else State.CANCELLED)
        return None

    def failed(self, order: Order, failure: Failure, claimant: Claimant) -> Order | None:
        """Record that the step (or undo) failed: it is tried again later, or the operation goes back.

        :raises OwnershipLost: the claim was taken away.
        """
        return self.database.run(lambda tx: self._failed(tx, order, failure, claimant))

    def _failed(
        self, tx: Transaction, order: Order, failure: Failure, claimant: Claimant
    ) -> Order | None:
        entry = self._owned(tx, order)
        entry.end_event(
            order.claim, "Error", {"traceback": failure.details, "details": failure.text}
        )
        if entry.server is None:
            entry.end(State.INTERRUPTED)
            return None
        if (
            entry.step.no_return
            and not order.undoing
            and failure.is_before_any_effect
            and order.attempt == 1
        ):
            return self._go_back(entry, failure, claimant)
        goes_on = entry.operation.forward_only and not entry.step.gives_up(failure)
        stubborn = order.undoing or goes_on or entry.step.no_return
        tries = STUBBORN_TRIES if stubborn else entry.step.tries if failure.is_transient else 1
        if order.attempt < tries:
            entry.try_later(order.attempt)
            return None
        if stubborn:
            entry.end(State.FAILED, failure)
            return None
        entry.host_failed()
        return self._go_back(entry, failure, claimant)

    def _go_back(self, entry: Entry, failure: Failure, claimant: Claimant | None) -> Order | None:
        """Begin to undo, the failed step first: its effect may be there in part."""
        undo = entry.before(inclusive=True)
        if undo is None:
            entry.end(State.FAILED, failure)
            return None
        return entry.go_to(undo, State.UNDOING, claimant, {"failure": msgspec.to_builtins(failure)})

    def nudge(self, operation_id: int) -> bool:
        """Hint at an operation that nobody has in hand; False when somebody has, or it waits for another, or ended.

        One that waits for an operation that has ended waits no longer.
        """

        def work(tx: Transaction) -> bool:
            entry = self._find(tx, operation_id)
            if entry is None or entry.row.claim is not None:
                return False
            blocker = entry.row.blocked_by
            if blocker is not None and self._find(tx, blocker) is not None:
                return False
            taken = rows.swap(
                tx,
                self._tables,
                operation_id,
                claim=None,
                values={"blocked_by": None, "due_at": now()},
            )
            if taken:
                entry.hint()
            return taken

        return self.database.run(work)

    def host_is_down(self, operation_id: int, host: str) -> bool:
        """Go on without the host that the operation waits for; the sweeper has seen that it is down.

        True when the operation waits for the same host again (there is more to undo on it), and not because the step
        can be done nowhere else.

        What could not be undone there is left to the host's own audit: when it comes back it removes guests that
        the cell does not place on it.
        """
        return self.database.run(lambda tx: self._host_is_down(tx, operation_id, host))

    def _host_is_down(self, tx: Transaction, operation_id: int, host: str) -> bool:
        entry = self._find(tx, operation_id)
        if entry is None or entry.row.claim is not None or entry.row.place_host != host:
            return False
        if entry.server is None:
            entry.end(State.INTERRUPTED)
            return False
        undoing = entry.state is State.UNDOING
        if (
            entry.step.undo_at_down_host if undoing else entry.step.at_down_host
        ) is AtDownHost.WAIT:
            entry.wait_for_host()
            return False
        text = f"host {entry.row.place_host} is down"
        entry.begin_event(
            entry.step,
            {
                "finish_time": now(),
                "result": "Error",
                "host": entry.row.place_host,
                "details": text,
            },
        )
        if undoing or entry.step.at_down_host is AtDownHost.SKIP:
            self._advance(entry, None, forward=False)
        else:
            self._go_back(entry, Failure(kind="HostDown", text=text), None)
        following = rows.find(tx, self._tables, operation_id)
        return (
            following is not None
            and State(following.state).is_alive
            and following.place_host == host
        )

    def _find(self, tx: Transaction, operation_id: int) -> Entry | None:
        """The unfinished operation of that id."""
        row = rows.find(tx, self._tables, operation_id)
        if row is None or not State(row.state).is_alive:
            return None
        return Entry(tx, self._book, row)

    def _owned(self, tx: Transaction, order: Order) -> Entry:
        row = rows.find(tx, self._tables, order.operation_id)
        if row is None or row.claim != order.claim or not State(row.state).is_alive:
            raise OwnershipLost(
                "The operation is not yours any more.",
                operation=order.operation_id,
                step=order.step,
            )
        return Entry(tx, self._book, row)
