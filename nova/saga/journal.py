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

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol

import msgspec
import sqlalchemy as sa

from groundwork.columns import now
from groundwork.context import RequestContext
from groundwork.database import Database, Transaction
from nova.db import journal as rows
from nova.domain.server import Server
from nova.errors import OwnershipLost
from nova.saga.operation import (
    AtDownHost,
    Claimant,
    Failure,
    Operation,
    Operations,
    Order,
    Outcome,
    Place,
    State,
    Step,
)
from nova.saga.store import Store

# Seconds after which an unclaimed operation is hinted at again. Shorter repeats hints that are merely queued; longer
# makes a lost message cost more.
HINT_AGAIN_S = 10
# Pauses between tries of a step: doubled from the first to the longest.
FIRST_PAUSE_S = 1
LONGEST_PAUSE_S = 60
# Tries of an undo, or of a step of an operation that only goes forward, before people have to look. About an hour.
STUBBORN_TRIES = 60


class Hinter(Protocol):
    """Tells a place that an operation waits for it there; may fail silently."""

    def hint(self, place: Place, host: str | None, operation_id: int) -> None:
        """Send the hint; called after the commit."""


class Journal:
    """The operations of one database. Thread safe."""

    def __init__(
        self, database: Database, store: Store, operations: Operations, hinter: Hinter
    ) -> None:
        self.database = database
        self.store = store
        self._tables = store.tables
        self._operations = operations
        self._hinter = hinter

    # Beginning

    def begin(
        self,
        tx: Transaction,
        *,
        action: str,
        server: Server,
        payload: Any,
        context: RequestContext,
        extra: Mapping[str, Any] | None = None,
        after: str | None = None,
        started_at: datetime | None = None,
    ) -> int:
        """Record a new operation in the caller's transaction; it is hinted at after the commit.

        The caller has made sure that it may run (task_state). ``after`` names a step that was done elsewhere.
        An unfinished operation on the server (only interrupting operations get here then) is asked to stop, and this
        one waits for it.
        """
        operation = self._operations[action]
        blocked_by = None
        for other in rows.alive_on_server(tx, self._tables, server.uuid):
            blocked_by = self._stop(tx, other) or blocked_by
        step = operation.after(after, server, payload)
        assert step is not None, f"{action} has nothing to do"
        host = _host_of(step, server, payload)
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
                **(extra or {}),
            },
        )
        if blocked_by is None:
            self._hint_after(tx, step.place, host, operation_id)
        return operation_id

    def _stop(self, tx: Transaction, other: sa.Row[Any]) -> int | None:
        """Stop an unfinished operation; its id when somebody is at work on it and has to finish the step first."""
        rows.request_cancel(tx, self._tables, other.id)
        interrupted = self._ending(State.INTERRUPTED)
        if other.claim is None and rows.swap(
            tx, self._tables, other.id, claim=None, values=interrupted
        ):
            return None
        return int(other.id)

    # Claiming

    def claim(self, operation_id: int, claimant: Claimant) -> Order | None:
        """The order for the operation's next step, or None when there is nothing for this claimant to do now."""
        return self.database.run(lambda tx: self._claim(tx, operation_id, claimant))

    def _claim(self, tx: Transaction, operation_id: int, claimant: Claimant) -> Order | None:
        row = rows.find(tx, self._tables, operation_id)
        if row is None or not State(row.state).is_alive or row.blocked_by is not None:
            return None
        if row.claim is not None:
            # Only a successor of the very process that had it may take it over; others wait for the sweeper.
            if row.owner != claimant.owner or row.incarnation == claimant.incarnation:
                return None
        operation = self._operations[row.action]
        server = self.store.load(tx, row)
        if server is None:
            self._end(tx, row, operation, State.INTERRUPTED, server=None)
            return None
        step = operation.step(row.step)
        is_committed = step.no_return and row.attempts > 0
        if row.cancel_requested and State(row.state) is State.RUNNING and not is_committed:
            row = self._turn_for_cancel(tx, row, operation, server)
            if row is None:
                return None
            step = operation.step(row.step)
        if not _runs_here(step.place, row.place_host, claimant):
            if row.claim is None:
                self._hint_after(tx, step.place, row.place_host, operation_id)
            return None
        return self._order(tx, row, operation, step, server, claimant, attempt=row.attempts + 1)

    def _turn_for_cancel(
        self, tx: Transaction, row: sa.Row[Any], operation: Operation, server: Server
    ) -> sa.Row[Any] | None:
        """Make a cancelled operation go back; None when it ended right away."""
        payload = self._payload(operation, row)
        undo = operation.to_undo(
            row.step, inclusive=row.attempts > 0, server=server, payload=payload
        )
        if undo is None or row.place != Place.SUPER:
            # In a cell, what interrupts (a delete) cleans up everything by the server's uuid.
            self._end(tx, row, operation, State.INTERRUPTED, server=None)
            return None
        rows.swap(
            tx,
            self._tables,
            row.id,
            claim=row.claim,
            values=self._next(undo, server, payload, state=State.UNDOING) | {"claim": row.claim},
        )
        return rows.find(tx, self._tables, row.id)

    def _order(
        self,
        tx: Transaction,
        row: sa.Row[Any],
        operation: Operation,
        step: Step,
        server: Server,
        claimant: Claimant,
        *,
        attempt: int,
        values: Mapping[str, Any] | None = None,
    ) -> Order | None:
        """Give the claimant the step: a new claim token, a new event, the task_state that goes with it."""
        token = str(uuid.uuid4())
        taken = rows.swap(
            tx,
            self._tables,
            row.id,
            claim=row.claim,
            values={
                **(values or {}),
                "owner": claimant.owner,
                "incarnation": claimant.incarnation,
                "claim": token,
                "attempts": attempt,
                "updated_at": now(),
            },
        )
        if not taken:
            return None
        state = State((values or {}).get("state", row.state))
        undoing = state is State.UNDOING
        if step.task_state and not undoing:
            self.store.save(tx, row, {"task_state": step.task_state})
        rows.begin_event(
            tx,
            self._tables,
            {
                "action_id": row.id,
                "event": event_name(step, undoing=undoing),
                "start_time": now(),
                "host": claimant.owner.partition("@")[2],
                "claim": token,
            },
        )
        payload = (values or {}).get("payload", row.payload)
        failure = (values or {}).get("failure", row.failure)
        return Order(
            operation_id=row.id,
            action=row.action,
            step=step.name,
            undoing=undoing,
            claim=token,
            attempt=attempt,
            server=server,
            payload=payload["values"],
            request=payload["request"],
            failure=msgspec.convert(failure, Failure) if failure else None,
        )

    # Results

    def succeeded(self, order: Order, outcome: Outcome, claimant: Claimant) -> Order | None:
        """Record that the step (or undo) ran; the next order when it runs at the same place.

        :raises OwnershipLost: the claim was taken away; whatever the step did belongs to its successor.
        """
        return self.database.run(lambda tx: self._succeeded(tx, order, outcome, claimant))

    def _succeeded(
        self, tx: Transaction, order: Order, outcome: Outcome, claimant: Claimant
    ) -> Order | None:
        row = self._owned(tx, order)
        operation = self._operations[order.action]
        step = operation.step(order.step)
        rows.end_event(
            tx,
            self._tables,
            operation_id=order.operation_id,
            claim=order.claim,
            values={"finish_time": now(), "result": "Success", "details": outcome.details},
        )
        if outcome.server:
            self.store.save(tx, row, outcome.server)
        values: dict[str, Any] = {}
        if outcome.payload is not None:
            values["payload"] = {
                "request": row.payload["request"],
                "values": msgspec.to_builtins(outcome.payload),
            }
        return self._advance(
            tx, row, operation, step, values=values, forward=outcome.forward, claimant=claimant
        )

    def _advance(
        self,
        tx: Transaction,
        row: sa.Row[Any],
        operation: Operation,
        step: Step,
        *,
        values: dict[str, Any],
        forward: bool,
        claimant: Claimant | None,
    ) -> Order | None:
        """Go to what follows a step that ran, was undone, or was left out."""
        server = self.store.load(tx, row)
        payload = self._payload(operation, row, values.get("payload"))
        undoing = State(row.state) is State.UNDOING and not forward
        if server is None:
            return self._end(tx, row, operation, State.INTERRUPTED, server=None)
        if row.cancel_requested and not undoing:
            if row.place != Place.SUPER:
                return self._end(tx, row, operation, State.INTERRUPTED, server=None)
            undoing = True
            following = operation.to_undo(step.name, inclusive=True, server=server, payload=payload)
        elif undoing:
            following = operation.to_undo(
                step.name, inclusive=False, server=server, payload=payload
            )
        else:
            following = operation.after(step.name, server, payload)
        if following is None:
            ended = State.DONE
            if undoing:
                ended = State.FAILED if row.failure else State.CANCELLED
            return self._end(tx, row, operation, ended, server=server, values=values)
        state = State.UNDOING if undoing else State.RUNNING
        values |= self._next(following, server, payload, state=state)
        if forward:
            values["failure"] = None
        if claimant and _runs_here(following.place, values["place_host"], claimant):
            return self._order(
                tx, row, operation, following, server, claimant, attempt=1, values=values
            )
        rows.swap(tx, self._tables, row.id, claim=row.claim, values=values)
        self._hint_after(tx, following.place, values["place_host"], row.id)
        return None

    def failed(self, order: Order, failure: Failure, claimant: Claimant) -> Order | None:
        """Record that the step (or undo) failed: it is tried again later, or the operation goes back.

        :raises OwnershipLost: the claim was taken away.
        """
        return self.database.run(lambda tx: self._failed(tx, order, failure, claimant))

    def _failed(
        self, tx: Transaction, order: Order, failure: Failure, claimant: Claimant | None
    ) -> Order | None:
        row = self._owned(tx, order)
        operation = self._operations[order.action]
        step = operation.step(order.step)
        rows.end_event(
            tx,
            self._tables,
            operation_id=order.operation_id,
            claim=order.claim,
            values={
                "finish_time": now(),
                "result": "Error",
                "traceback": failure.details,
                "details": failure.text,
            },
        )
        server = self.store.load(tx, row)
        if server is None:
            return self._end(tx, row, operation, State.INTERRUPTED, server=None)
        stubborn = order.undoing or operation.forward_only or step.no_return
        tries = STUBBORN_TRIES if stubborn else step.tries if failure.is_transient else 1
        if order.attempt < tries:
            self._try_later(tx, row, order.attempt)
            return None
        if stubborn:
            values = {"failure": msgspec.to_builtins(failure)}
            return self._end(tx, row, operation, State.FAILED, server=server, values=values)
        return self._go_back(tx, row, operation, step, server, failure, claimant)

    def _go_back(
        self,
        tx: Transaction,
        row: sa.Row[Any],
        operation: Operation,
        step: Step,
        server: Server,
        failure: Failure,
        claimant: Claimant | None,
    ) -> Order | None:
        """Begin to undo, the failed step first: its effect may be there in part."""
        payload = self._payload(operation, row)
        values: dict[str, Any] = {"failure": msgspec.to_builtins(failure)}
        undo = operation.to_undo(step.name, inclusive=True, server=server, payload=payload)
        if undo is None:
            return self._end(tx, row, operation, State.FAILED, server=server, values=values)
        values |= self._next(undo, server, payload, state=State.UNDOING)
        if claimant and _runs_here(undo.place, values["place_host"], claimant):
            return self._order(tx, row, operation, undo, server, claimant, attempt=1, values=values)
        rows.swap(tx, self._tables, row.id, claim=row.claim, values=values)
        self._hint_after(tx, undo.place, values["place_host"], row.id)
        return None

    def _try_later(self, tx: Transaction, row: sa.Row[Any], attempt: int) -> None:
        pause_s = min(FIRST_PAUSE_S * 2 ** (attempt - 1), LONGEST_PAUSE_S)
        rows.swap(
            tx,
            self._tables,
            row.id,
            claim=row.claim,
            values=_unclaimed() | {"due_at": now() + timedelta(seconds=pause_s)},
        )

    def host_is_down(self, operation_id: int) -> None:
        """Go on without the host that the operation waits for; the sweeper has seen that it is down.

        What could not be undone there is left to the host's own audit: when it comes back it removes guests that
        the cell does not place on it.
        """
        self.database.run(lambda tx: self._host_is_down(tx, operation_id))

    def _host_is_down(self, tx: Transaction, operation_id: int) -> None:
        row = rows.find(tx, self._tables, operation_id)
        if row is None or not State(row.state).is_alive or row.claim is not None:
            return
        operation = self._operations[row.action]
        step = operation.step(row.step)
        server = self.store.load(tx, row)
        if server is None:
            self._end(tx, row, operation, State.INTERRUPTED, server=None)
            return
        undoing = State(row.state) is State.UNDOING
        text = f"host {row.place_host} is down"
        rows.begin_event(
            tx,
            self._tables,
            {
                "action_id": row.id,
                "event": event_name(step, undoing=undoing),
                "start_time": now(),
                "finish_time": now(),
                "result": "Error",
                "host": row.place_host,
                "details": text,
            },
        )
        if undoing or step.at_down_host is AtDownHost.SKIP:
            self._advance(tx, row, operation, step, values={}, forward=False, claimant=None)
        else:
            failure = Failure(kind="HostDown", text=text)
            self._go_back(tx, row, operation, step, server, failure, None)

    # Ending

    def _end(
        self,
        tx: Transaction,
        row: sa.Row[Any],
        operation: Operation,
        state: State,
        *,
        server: Server | None,
        values: Mapping[str, Any] | None = None,
    ) -> None:
        ending = {**(values or {}), **self._ending(state)}
        if not rows.swap(tx, self._tables, row.id, claim=row.claim, values=ending):
            raise OwnershipLost("The operation is not yours any more.", operation=row.id)
        if server is not None and state in (State.DONE, State.FAILED, State.CANCELLED):
            payload = self._payload(operation, row, ending.get("payload"))
            decide = operation.on_success if state is State.DONE else operation.on_failure
            self.store.save(tx, row, decide(server, payload))
            failure = ending.get("failure") or row.failure
            if state is State.FAILED and failure:
                self.store.record_fault(tx, row, msgspec.convert(failure, Failure))
        for waiting in rows.unblock(tx, self._tables, row.id, now()):
            freed = rows.find(tx, self._tables, waiting)
            if freed is not None:
                self._hint_after(tx, Place(freed.place), freed.place_host, waiting)

    def _ending(self, state: State) -> dict[str, Any]:
        return _unclaimed() | {
            "state": state,
            "finish_time": now(),
            "updated_at": now(),
            "message": None if state in (State.DONE, State.INTERRUPTED) else "Error",
        }

    # Small parts

    def _owned(self, tx: Transaction, order: Order) -> sa.Row[Any]:
        row = rows.find(tx, self._tables, order.operation_id)
        if row is None or row.claim != order.claim or not State(row.state).is_alive:
            raise OwnershipLost(
                "The operation is not yours any more.",
                operation=order.operation_id,
                step=order.step,
            )
        return row

    def _payload(
        self, operation: Operation, row: sa.Row[Any], replaced: Mapping[str, Any] | None = None
    ) -> Any:
        return msgspec.convert((replaced or row.payload)["values"], operation.payload)

    def _next(self, step: Step, server: Server, payload: Any, *, state: State) -> dict[str, Any]:
        return _unclaimed() | {
            "state": state,
            "step": step.name,
            "place": step.place,
            "place_host": _host_of(step, server, payload),
            "attempts": 0,
            "due_at": now() + timedelta(seconds=HINT_AGAIN_S),
        }

    def _hint_after(self, tx: Transaction, place: str, host: str | None, operation_id: int) -> None:
        tx.after_commit(lambda: self._hinter.hint(Place(place), host, operation_id))


def event_name(step: Step, *, undoing: bool) -> str:
    """What the operator reads in the action's events."""
    where = {Place.HOST: "compute", Place.DESTINATION: "compute", Place.SUPER: "conductor"}
    return f"{where.get(step.place, 'conductor')}_{'undo_' if undoing else ''}{step.name}"


def _unclaimed() -> dict[str, Any]:
    return {"claim": None, "owner": None, "incarnation": None}


def _host_of(step: Step, server: Server, payload: Any) -> str | None:
    if step.place is Place.HOST:
        return server.host
    if step.place is Place.DESTINATION:
        return str(payload.destination)
    return None


def _runs_here(place: str, place_host: str | None, claimant: Claimant) -> bool:
    return Place(place) in claimant.places and (place_host is None or place_host == claimant.host)
