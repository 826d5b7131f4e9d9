"""One operation in one open transaction: where it stands, and the ways on from there."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

import msgspec
import sqlalchemy as sa

from groundwork.columns import now
from groundwork.database import Transaction
from groundwork.typed import convert
from nova.db import journal as rows
from nova.domain.server import Server
from nova.errors import OwnershipLost
from nova.saga.operation import (
    COMPUTES,
    Claimant,
    Failure,
    Operation,
    Operations,
    Order,
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


class Hinter(Protocol):
    """Tells a place that an operation waits for it there; may fail silently."""

    def hint(self, place: Place, host: str | None, operation_id: int) -> None:
        """Send the hint; called after the commit."""


@dataclass(frozen=True, slots=True)
class Book:
    """What the entries of one journal have in common."""

    store: Store
    operations: Operations
    hinter: Hinter

    @property
    def tables(self) -> rows.JournalTables:
        """Where the journal is kept."""
        return self.store.tables

    def hint_after(self, tx: Transaction, place: str, host: str | None, operation_id: int) -> None:
        """Hint once the transaction is durable."""
        tx.after_commit(lambda: self.hinter.hint(Place(place), host, operation_id))


class Entry:
    """A journalled operation that is looked at, and changed once, in the transaction it was read in."""

    def __init__(self, tx: Transaction, book: Book, row: sa.Row[Any]) -> None:
        self._tx = tx
        self._book = book
        self.row = row
        self.operation: Operation = book.operations[row.action]
        self.step: Step = self.operation.step(row.step)
        self.state = State(row.state)
        self.server: Server | None = book.store.load(tx, row)
        self.payload = self._typed(row.payload)

    def run_here(self, claimant: Claimant) -> bool:
        """Whether the claimant runs the present step."""
        return runs_here(self.row.place, self.row.place_host, claimant)

    def hint(self) -> None:
        """Tell the place where the present step runs."""
        self._book.hint_after(self._tx, self.row.place, self.row.place_host, self.row.id)

    def save(self, server: Mapping[str, Any], payload: Any) -> None:
        """Take over what a step changed; ``payload`` None keeps the old one."""
        if server:
            self._book.store.save(self._tx, self.row, server)
            self.server = self._book.store.reload(self._tx, self.row)
        if payload is not None:
            self.payload = self._typed({"values": msgspec.to_builtins(payload)})

    def host_succeeded(self) -> None:
        """Let the present step speak for its host."""
        if self.step.judges_host and self.server is not None:
            self._book.store.host_succeeded(self._tx, self.server)

    def host_failed(self) -> None:
        """Let the present step, which is given up, speak against its host.

        Not when somebody asked the operation to stop: the host may have failed for that very reason. A host that is
        down is not judged here either: it is not chosen while it is down, and says nothing of how it builds.
        """
        if self.step.judges_host and self.server is not None and not self.row.cancel_requested:
            self._book.store.host_failed(self._tx, self.server)

    def begin_event(self, step: Step, values: Mapping[str, Any]) -> None:
        """Record that a step begins (or that it was left out)."""
        rows.begin_event(
            self._tx,
            self._book.tables,
            {
                "action_id": self.row.id,
                "event": event_name(step, undoing=self.state is State.UNDOING),
                "start_time": now(),
                **values,
            },
        )

    def end_event(self, claim: str, result: str, values: Mapping[str, Any]) -> None:
        """Record how the step that was begun under that claim ended."""
        rows.end_event(
            self._tx,
            self._book.tables,
            operation_id=self.row.id,
            claim=claim,
            values={"finish_time": now(), "result": result, **values},
        )

    def after(self) -> Step | None:
        """The next step forwards."""
        assert self.server is not None
        return self.operation.after(self.step.name, self.server, self.payload)

    def before(self, *, inclusive: bool) -> Step | None:
        """The next step to undo, the present one too when ``inclusive``."""
        assert self.server is not None
        return self.operation.to_undo(
            self.step.name, inclusive=inclusive, server=self.server, payload=self.payload
        )

    # The ways on; each is taken once.

    def take(
        self, claimant: Claimant, *, attempt: int, values: Mapping[str, Any] | None = None
    ) -> Order | None:
        """Give the present step to the claimant; None when somebody was faster."""
        assert self.server is not None
        token = str(uuid.uuid4())
        taken = self._swap(
            {
                **(values or {}),
                "owner": claimant.owner,
                "incarnation": claimant.incarnation,
                "claim": token,
                "attempts": attempt,
                "updated_at": now(),
            }
        )
        if not taken:
            return None
        undoing = self.state is State.UNDOING
        if self.step.task_state and not undoing:
            self._book.store.save(self._tx, self.row, {"task_state": self.step.task_state})
        host = claimant.owner.partition("@")[2]
        self.begin_event(self.step, {"host": host, "claim": token})
        failure = (values or {}).get("failure", self.row.failure)
        return Order(
            operation_id=self.row.id,
            action=self.row.action,
            step=self.step.name,
            undoing=undoing,
            claim=token,
            attempt=attempt,
            server=self.server,
            payload=msgspec.to_builtins(self.payload),
            request=self.row.payload["request"],
            failure=convert(failure, Failure) if failure else None,
        )

    def go_to(
        self,
        step: Step,
        state: State,
        claimant: Claimant | None,
        values: Mapping[str, Any] | None = None,
    ) -> Order | None:
        """Make ``step`` the present one; its order when the claimant runs it too, otherwise its place is hinted at."""
        assert self.server is not None
        host = host_of(step, self.server, self.payload)
        self.step, self.state = step, state
        moved = {
            **(values or {}),
            **UNCLAIMED,
            "state": state,
            "step": step.name,
            "place": step.place,
            "place_host": host,
            "attempts": 0,
            "due_at": now() + timedelta(seconds=HINT_AGAIN_S),
            "payload": self._stored(),
        }
        if claimant is not None and runs_here(step.place, host, claimant):
            return self.take(claimant, attempt=1, values=moved)
        self._swap(moved)
        self._book.hint_after(self._tx, step.place, host, self.row.id)
        return None

    def try_later(self, attempt: int) -> None:
        """Leave the present step to the sweeper, for a while that grows with the attempts."""
        pause_s = min(FIRST_PAUSE_S * 2 ** (attempt - 1), LONGEST_PAUSE_S)
        self._swap({**UNCLAIMED, "due_at": now() + timedelta(seconds=pause_s)})

    def wait_for_host(self) -> None:
        """Leave the present step to the sweeper, which sees whether the host is back."""
        self._swap({"due_at": now() + timedelta(seconds=HINT_AGAIN_S)})

    def end(self, state: State, failure: Failure | None = None) -> None:
        """End the operation; the server row becomes what the operation declares, and who waited may go.

        :raises OwnershipLost: somebody else has it meanwhile.
        """
        values: dict[str, Any] = {**ending(state), "payload": self._stored()}
        if failure is not None:
            values["failure"] = msgspec.to_builtins(failure)
        if not self._swap(values):
            raise OwnershipLost("The operation is not yours any more.", operation=self.row.id)
        if self.server is not None and state is not State.INTERRUPTED:
            self._settle(state, values.get("failure") or self.row.failure)
        for waiting in rows.unblock(self._tx, self._book.tables, self.row.id, now()):
            freed = rows.find(self._tx, self._book.tables, waiting)
            if freed is not None:
                self._book.hint_after(self._tx, freed.place, freed.place_host, waiting)

    def _settle(self, state: State, failure: Any) -> None:
        assert self.server is not None
        decide = self.operation.on_success if state is State.DONE else self.operation.on_failure
        self._book.store.save(self._tx, self.row, decide(self.server, self.payload))
        if state is State.FAILED and failure:
            self._book.store.record_fault(self._tx, self.row, convert(failure, Failure))

    def _swap(self, values: Mapping[str, Any]) -> bool:
        return rows.swap(
            self._tx, self._book.tables, self.row.id, claim=self.row.claim, values=values
        )

    def _typed(self, stored: Mapping[str, Any]) -> Any:
        return convert(stored["values"], self.operation.payload)

    def _stored(self) -> dict[str, Any]:
        return {
            "request": self.row.payload["request"],
            "values": msgspec.to_builtins(self.payload),
        }


UNCLAIMED: Mapping[str, Any] = {"claim": None, "owner": None, "incarnation": None}


def ending(state: State) -> dict[str, Any]:
    """The columns of an operation that has ended so."""
    return {
        **UNCLAIMED,
        "state": state,
        "finish_time": now(),
        "updated_at": now(),
        "message": None if state in (State.DONE, State.INTERRUPTED) else "Error",
    }


def event_name(step: Step, *, undoing: bool) -> str:
    """What the operator reads in the action's events."""
    where = "compute" if step.place in COMPUTES else "conductor"
    return f"{where}_{'undo_' if undoing else ''}{step.name}"


def host_of(step: Step, server: Server, payload: Any) -> str | None:
    """The host on which a step runs; None for steps of conductors."""
    if step.place is Place.HOST:
        return server.host
    if step.place is Place.DESTINATION:
        return str(payload.destination)
    return None


def runs_here(place: str, place_host: str | None, claimant: Claimant) -> bool:
    """Whether the claimant runs steps of that place (and host)."""
    return Place(place) in claimant.places and (place_host is None or place_host == claimant.host)
