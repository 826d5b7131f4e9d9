"""Runs the steps of one place: claim, run with no transaction open, report, go on."""

from __future__ import annotations

import logging
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from groundwork.context import RequestContext
from groundwork.database import is_curable
from groundwork.errors import Problem, Unavailable
from groundwork.typed import convert
from nova.errors import OwnershipLost
from nova.saga.hands import Hands
from nova.saga.operation import Claimant, Failure, Operations, Order, Outcome, Run, Step

LOG = logging.getLogger(__name__)

# Seconds between two looks at operations whose claim is in doubt. Shorter asks a conductor that has just come back by
# hundreds at once; longer makes a lost answer cost more.
LOOK_AGAIN_S = 5.0


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
        self._hands = Hands()

    def look_at(self, operation_ids: Iterable[int]) -> None:
        """Claim these operations and run their steps for as long as they stay at this place.

        Hints come twice: what another thread of this worker has in hand is left to it. What goes wrong is in the
        journal, or the operation is looked at again.
        """
        taken = [each for each in operation_ids if self._hands.take(each)]
        try:
            self._work_off(deque(filter(None, map(self._claim, taken))))
        finally:
            # Nothing is in hand any more, but after a failure that nobody foresaw.
            for operation_id in taken:
                self._hands.let_go(operation_id, is_sure=False)

    def look_again(self, hint: Callable[[int], object]) -> None:
        """Give a hint at each operation that this worker may own without knowing it; for every ``LOOK_AGAIN_S``.

        1. The worker claims a step, or reports one. 2. The journal gives it the step, or the next one. 3. The answer
        gets lost, or comes when the worker has given up. 4. The worker lives, so no sweeper takes the step away from
        it. Unless the worker asked again, nobody would ever do it.
        """
        for operation_id in self._hands.unsure():
            hint(operation_id)

    def _work_off(self, orders: deque[Order]) -> None:
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

    def _claim(self, operation_id: int) -> Order | None:
        return self._ask(operation_id, lambda: self._door.claim(operation_id, self._claimant))

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
            payload=convert(order.payload, operation.payload),
            tools=self._tools,
            context=RequestContext.from_dict(dict(order.request)),
            attempt=order.attempt,
            failure=order.failure,
            claim=order.claim,
        )

    def _report_success(self, order: Order, outcome: Outcome) -> Order | None:
        if outcome.moved:
            self._hands.let_go(order.operation_id, is_sure=True)
            return None
        return self._ask(
            order.operation_id, lambda: self._door.succeeded(order, outcome, self._claimant)
        )

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
        return self._ask(
            order.operation_id, lambda: self._door.failed(order, failure, self._claimant)
        )

    def _ask(self, operation_id: int, talk: Callable[[], Order | None]) -> Order | None:
        """The journal's answer; with None, whatever the reason, the operation is not in hand any more.

        A hint that came meanwhile may be for a step that follows on what was just reported, so it is followed then.
        """
        is_sure = False
        try:
            found = talk()
            is_sure = True
        except OwnershipLost as lost:
            # Perhaps to ourselves: a claim of ours may have arrived late.
            LOG.info("result dropped: %s", lost)
            found = None
        except Unavailable as absent:
            LOG.warning("operation %d is looked at again, as %s", operation_id, absent)
            found = None
        except Exception:
            LOG.exception("the journal cannot be reached; operation %d waits", operation_id)
            found = None
        if found is None:
            was_hinted = self._hands.let_go(operation_id, is_sure=is_sure)
            if was_hinted and is_sure and self._hands.take(operation_id):
                return self._claim(operation_id)
        return found


def failure_of(exc: BaseException) -> Failure:
    """What the journal keeps of an exception: the user's sentence, and for operators its facts and traceback."""
    told = isinstance(exc, Problem)
    facts_for_operators = (
        [f"{exc.internal}\n\n"] if isinstance(exc, Problem) and exc.internal else []
    )
    return Failure(
        kind=type(exc).__name__,
        text=str(exc) if told else f"Unexpected failure: {type(exc).__name__}",
        details="".join([*facts_for_operators, *traceback.format_exception(exc)]),
        is_transient=isinstance(exc, Unavailable) or is_curable(exc),
        facts=dict(exc.facts) if isinstance(exc, Problem) else {},
    )


def _is_like(one: Order, other: Order) -> bool:
    return (one.action, one.step, one.undoing) == (other.action, other.step, other.undoing)
