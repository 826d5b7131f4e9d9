"""Runs the steps of one place: claim, run with no transaction open, report, go on."""

from __future__ import annotations

import logging
import traceback
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import msgspec

from groundwork.context import RequestContext
from groundwork.database import is_curable
from groundwork.errors import Problem, Unavailable
from nova.errors import OwnershipLost
from nova.saga.operation import Claimant, Failure, Operations, Order, Outcome, Run, Step

LOG = logging.getLogger(__name__)


class Door(Protocol):
    """The journal as a worker reaches it: directly, or through the conductor for who may open no database."""

    def claim(self, operation_id: int, claimant: Claimant) -> Order | None: ...

    def succeeded(self, order: Order, outcome: Outcome, claimant: Claimant) -> Order | None: ...

    def failed(self, order: Order, failure: Failure, claimant: Claimant) -> Order | None: ...


class Worker:
    """Does what hints point at. Thread safe; every call works in the caller's thread until nothing is left to do."""

    def __init__(
        self, *, door: Door, operations: Operations, claimant: Claimant, tools: Any
    ) -> None:
        """``tools``: the collaborators that this place gives to its steps."""
        self._door = door
        self._operations = operations
        self._claimant = claimant
        self._tools = tools

    def look_at(self, operation_ids: Iterable[int]) -> None:
        """Claim these operations and run their steps for as long as they stay at this place.

        Never raises: what goes wrong is in the journal, or the sweeper finds the operation again.
        """
        orders: deque[Order] = deque()
        for operation_id in operation_ids:
            order = self._guarded(lambda i=operation_id: self._door.claim(i, self._claimant))  # type: ignore[misc]
            if order is not None:
                orders.append(order)
        while orders:
            order = orders.popleft()
            step = self._operations[order.action].step(order.step)
            if step.batch and not order.undoing:
                same = [other for other in orders if _is_like(other, order)]
                for other in same:
                    orders.remove(other)
                orders.extend(self._run_batch(step, [order, *same]))
            else:
                following = self._run_one(step, order)
                if following is not None:
                    # First finish what was begun: a server that is ready early is worth more than ten half done.
                    orders.appendleft(following)

    def _run_one(self, step: Step, order: Order) -> Order | None:
        action = step.undo if order.undoing else step.run
        assert action is not None
        run = self._run(order)
        try:
            outcome = action(run) or Outcome()
        except Exception as exc:
            return self._report_failure(order, exc)
        return self._report_success(order, outcome)

    def _run_batch(self, step: Step, orders: Sequence[Order]) -> list[Order]:
        runs = tuple(self._run(order) for order in orders)
        try:
            results: Sequence[Outcome | Exception] = step.run(runs)
        except Exception as exc:
            results = [exc] * len(orders)
        following = []
        for order, result in zip(orders, results, strict=True):
            if isinstance(result, Exception):
                following.append(self._report_failure(order, result))
            else:
                following.append(self._report_success(order, result))
        return [order for order in following if order is not None]

    def _run(self, order: Order) -> Run:
        operation = self._operations[order.action]
        return Run(
            operation_id=order.operation_id,
            server=order.server,
            payload=msgspec.convert(order.payload, operation.payload),
            tools=self._tools,
            context=RequestContext.from_dict(dict(order.request)),
            attempt=order.attempt,
            failure=order.failure,
        )

    def _report_success(self, order: Order, outcome: Outcome) -> Order | None:
        if outcome.moved:
            return None
        return self._guarded(lambda: self._door.succeeded(order, outcome, self._claimant))

    def _report_failure(self, order: Order, exc: Exception) -> Order | None:
        failure = failure_of(exc)
        log = LOG.info if isinstance(exc, Problem) else LOG.exception
        log(
            "step %s of %s failed for server %s (attempt %d): %s",
            order.step,
            order.action,
            order.server.uuid,
            order.attempt,
            failure.text,
        )
        return self._guarded(lambda: self._door.failed(order, failure, self._claimant))

    def _guarded(self, talk: Any) -> Order | None:
        """The journal's answer; None when it has nothing for us or cannot be reached (the sweeper comes back)."""
        try:
            found: Order | None = talk()
        except OwnershipLost as lost:
            LOG.info("result dropped: %s", lost)
            return None
        except Exception:
            LOG.exception("the journal cannot be reached; the sweeper will find the operation")
            return None
        return found


def failure_of(exc: BaseException) -> Failure:
    """What the journal keeps of an exception: the user's sentence and the operator's traceback."""
    told = isinstance(exc, Problem)
    return Failure(
        kind=type(exc).__name__,
        text=str(exc) if told else f"Unexpected failure: {type(exc).__name__}",
        details="".join(traceback.format_exception(exc)),
        is_transient=isinstance(exc, Unavailable) or is_curable(exc),
        facts=dict(exc.facts) if isinstance(exc, Problem) else {},
    )


def _is_like(one: Order, other: Order) -> bool:
    return (one.action, one.step, one.undoing) == (other.action, other.step, other.undoing)
