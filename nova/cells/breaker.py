"""Who knows that a cell is down, so that a dead cell costs its deadline once and then nothing.

::

    UP --a question got no answer--> DOWN --a probe was answered--> TRYING --a question was answered--> UP
                                      ^---------------------- that question got none -----'

While a cell is DOWN nobody asks it; one background thread probes it, first at once and then with growing pauses. A
probe is cheap, so its answer is not taken for health: the next question goes through alone, and only its answer lets
the others follow. A question that was slow by itself therefore takes its cell out of lists for a moment only.
"""

from __future__ import annotations

import enum
import logging
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from nova.cells.registry import Cell

LOG = logging.getLogger(__name__)

# Longest pause between two probes. Longer: a cell that is back stays out of lists for longer; shorter: a database that
# struggles to come up gets a connection from each process more often.
_LONGEST_PAUSE_S = 5.0
_FIRST_PAUSE_S = 0.25


class Health(enum.Enum):
    """What is believed of a cell."""

    UP = "up"
    DOWN = "down"
    TRYING = "trying"


@dataclass(frozen=True, slots=True)
class Condition:
    """A cell's health, since when, and why. ``failures`` counts how often it went down in this process."""

    cell: Cell
    health: Health
    since: datetime
    reason: str = ""
    failures: int = 0


@dataclass(frozen=True, slots=True)
class Ticket:
    """Leave to ask a question; ``change`` tells which state of the breaker gave it."""

    change: int


class Breaker:
    """The health of one cell. Thread safe."""

    def __init__(
        self,
        cell: Cell,
        *,
        probe: Callable[[], object],
        on_down: Callable[[], None] = lambda: None,
        first_pause_s: float = _FIRST_PAUSE_S,
        longest_pause_s: float = _LONGEST_PAUSE_S,
    ) -> None:
        """``probe`` asks the cell something cheap, gives up by itself, and raises when it gets no answer.

        ``on_down`` is called each time the cell goes down, by whoever noticed.
        """
        self._cell = cell
        self._probe = probe
        self._on_down = on_down
        self._first_pause_s = first_pause_s
        self._longest_pause_s = longest_pause_s
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._condition = Condition(cell, Health.UP, _now())
        self._reason = ""
        # Counted up at every change: reports about questions that an earlier state admitted are old news.
        self._change = 0
        self._trial: Ticket | None = None
        self._pause_s = 0.0
        self._went_down_at = 0.0

    @property
    def condition(self) -> Condition:
        """For metrics and logs."""
        return self._condition

    @property
    def reason(self) -> str:
        """Why the cell went down last. Kept when it is back, for those who were turned away just before."""
        return self._reason

    def admit(self) -> Ticket | None:
        """Leave to ask a question, or None at once while the cell is down.

        Who gets a ticket reports :meth:`answered` or :meth:`silent` with it.
        """
        # Without the lock as long as all is well, which is nearly always.
        if self.condition.health is Health.UP:
            return Ticket(self._change)
        with self._lock:
            if self.condition.health is Health.DOWN or self._trial is not None:
                return None
            ticket = Ticket(self._change)
            if self.condition.health is Health.TRYING:
                self._trial = ticket
            return ticket

    def is_current(self, ticket: Ticket) -> bool:
        """Whether nothing has changed since the ticket was given."""
        return ticket.change == self._change

    def answered(self, ticket: Ticket) -> None:
        """The cell said something, be it a refusal."""
        if ticket.change != self._change or self._condition.health is Health.UP:
            return
        with self._lock:
            if ticket is not self._trial:
                return
            self._become(Health.UP)
            self._pause_s = 0.0
        LOG.info(
            "cell %s (%s) is back after %.1f s",
            self._cell.name,
            self._cell.uuid,
            time.monotonic() - self._went_down_at,
        )

    def silent(self, ticket: Ticket, reason: str) -> None:
        """The cell missed the deadline, or no connection could be made."""
        with self._lock:
            if ticket.change != self._change:
                return
            if self._condition.health is Health.UP:
                self._went_down_at = time.monotonic()
            self._reason = reason
            self._become(Health.DOWN, reason)
            prober = threading.Thread(
                target=self._probe_until_answered, name=f"probe-{self._cell.name}", daemon=True
            )
        LOG.warning("cell %s (%s) is down: %s", self._cell.name, self._cell.uuid, reason)
        prober.start()
        self._on_down()

    def close(self) -> None:
        """No more probes."""
        self._closed.set()

    def _become(self, health: Health, reason: str = "") -> None:
        failures = self._condition.failures + (health is Health.DOWN)
        self._condition = Condition(self._cell, health, _now(), reason, failures)
        self._change += 1
        self._trial = None

    def _probe_until_answered(self) -> None:
        """The only prober of this cell: it ends when the state changes, and the next one starts with the next fall."""
        # Jitter, so that the processes of a cloud do not come back to a database all at once.
        while not self._closed.wait(self._pause_s * random.uniform(0.5, 1)):
            self._pause_s = min(max(self._pause_s * 2, self._first_pause_s), self._longest_pause_s)
            try:
                self._probe()
            except Exception as exc:
                LOG.debug("cell %s does not answer a probe: %s", self._cell.name, exc)
                continue
            with self._lock:
                self._become(Health.TRYING, self._condition.reason)
            return


def _now() -> datetime:
    return datetime.now(UTC)
