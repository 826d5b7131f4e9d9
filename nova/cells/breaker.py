"""Who knows that a cell is down, so that a dead cell costs its deadline once and then nothing.

::

    UP --no connection----------------> DOWN --a probe was answered--> UP
    UP --late, and so is a probe------> DOWN --a probe was answered--> TRYING --a question was answered--> UP
                                         ^-------------------- that question was late ----'

A question that is late is its asker's loss alone: it may be slow by itself. Whether the cell as such answers is what a
probe decides, which reads one server along the index of lists. It begins when a question has waited for half of its
deadline (:meth:`Breaker.doubt`), so that it has been silent for long enough when the question is late
(:meth:`Breaker.late`), and who comes after the first late ones waits for nothing.

While a cell is DOWN nobody asks it; one background thread probes it, first at once and then with growing pauses. A cell
that could not be connected to is UP again with the first answered probe. Of one that was late a probe is not enough:
the next question goes through as a trial for which nobody waits, and only an answer in time lets the others follow.
Each line of questions has a trial of its own: slow lists do not keep those out who look something up.

There is one thread that probes a cell, for doubts too, and only while it is needed.
"""

from __future__ import annotations

import enum
import logging
import random
import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import UTC, datetime
from math import inf

from nova.cells.registry import Cell

LOG = logging.getLogger(__name__)

# Longest pause between two probes. Longer: a cell that is back stays out of lists for longer; shorter: a database that
# struggles to come up gets a connection from each process more often.
_LONGEST_PAUSE_S = 5.0
_FIRST_PAUSE_S = 0.25

LATE = "it missed the deadline"


class Health(enum.Enum):
    """What is believed of a cell."""

    UP = "up"
    DOWN = "down"
    TRYING = "trying"


@dataclass(frozen=True, slots=True)
class Condition:
    """A cell's health, since when, and why. ``failures`` counts how often it went down in this process.

    ``change`` counts every change: reports about questions that an earlier condition admitted are old news.
    """

    cell: Cell
    health: Health
    since: datetime
    reason: str = ""
    failures: int = 0
    change: int = 0


@dataclass(frozen=True, slots=True)
class Ticket:
    """Leave to ask a question; ``change`` tells which condition of the cell gave it.

    With ``is_trial`` the cell is not known to answer: nobody should wait for this question, but it must be asked.
    """

    change: int
    is_trial: bool = False


@dataclass(frozen=True, slots=True)
class Doubt:
    """A question that has waited for long; ``heard`` is how many probes had been answered by then."""

    ticket: Ticket
    heard: int


class Breaker:
    """The health of one cell. Thread safe."""

    def __init__(
        self,
        cell: Cell,
        *,
        probe: Callable[[], object],
        on_down: Callable[[], None] = lambda: None,
        deadline_s: float = inf,
        first_pause_s: float = _FIRST_PAUSE_S,
        longest_pause_s: float = _LONGEST_PAUSE_S,
    ) -> None:
        """``probe`` asks the cell what is cheap for one that is well, and raises when it gets no answer.

        ``deadline_s`` is what a probe and a trial may take. ``on_down`` is called each time the cell goes down, by
        whoever noticed.
        """
        self._cell = cell
        self._probe = probe
        self._on_down = on_down
        self._deadline_s = deadline_s
        self._first_pause_s = first_pause_s
        self._longest_pause_s = longest_pause_s
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._condition = Condition(cell, Health.UP, _now())
        self._reason = ""
        # By line, when it began.
        self._trials: dict[Hashable, float] = {}
        self._is_probing = False
        self._heard = 0
        # Whether it went down for want of a connection, which an answered probe disproves.
        self._is_unreachable = False
        # Before the next probe. Back at nothing only after an answered question: a cell that answers probes and no
        # questions is not asked again and again without a pause.
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

    def admit(self, line: Hashable = None) -> Ticket | None:
        """Leave to ask a question, or None at once while the cell is down.

        Who gets a ticket reports :meth:`answered`, :meth:`unreachable` or :meth:`silent` with it.

        :param line: those who wait behind each other; each has a trial of its own.
        """
        # Without the lock as long as all is well, which is nearly always; and read once, as it may change meanwhile.
        condition = self.condition
        if condition.health is Health.UP:
            return Ticket(condition.change)
        with self._lock:
            condition = self._condition
            if condition.health is Health.UP:
                return Ticket(condition.change)
            if condition.health is Health.DOWN:
                return None
            now = time.monotonic()
            if line not in self._trials:
                self._trials[line] = now
                return Ticket(condition.change, is_trial=True)
            is_overdue = now - self._trials[line] > self._deadline_s
            pending = Ticket(condition.change, is_trial=True)
        # Nobody waits for a trial, so nobody else looks at the clock while it is stuck.
        if is_overdue:
            self.silent(pending, LATE)
        return None

    def is_current(self, ticket: Ticket) -> bool:
        """Whether nothing has changed since the ticket was given."""
        return ticket.change == self._condition.change

    def answered(self, ticket: Ticket) -> None:
        """The cell said something in time, be it a refusal."""
        if not self.is_current(ticket) or (
            self._condition.health is Health.UP and not self._pause_s
        ):
            return
        with self._lock:
            if not self.is_current(ticket):
                return
            self._pause_s = 0.0
            if self._condition.health is Health.UP:
                return
            self._become(Health.UP)
        self._log_back()

    def doubt(self, ticket: Ticket) -> Doubt:
        """A question has waited for half of its deadline: find out whether the cell as such answers."""
        with self._lock:
            doubt = Doubt(ticket, self._heard)
            if not self.is_current(ticket):
                return doubt
            prober = self._new_prober()
        if prober is not None:
            prober.start()
        return doubt

    def late(self, doubt: Doubt) -> bool:
        """The question of this doubt missed its deadline; whether that takes the cell down.

        It does when no probe was answered since.
        """
        if doubt.heard != self._heard:
            return False
        return self._fall(doubt.ticket, LATE, is_unreachable=False)

    def silent(self, ticket: Ticket, reason: str) -> None:
        """The cell as such does not answer in time."""
        self._fall(ticket, reason, is_unreachable=False)

    def unreachable(self, ticket: Ticket, reason: str) -> None:
        """No connection could be made, or the one there was is lost."""
        self._fall(ticket, reason, is_unreachable=True)

    def close(self) -> None:
        """No more probes."""
        self._closed.set()

    def _fall(self, ticket: Ticket, reason: str, *, is_unreachable: bool) -> bool:
        with self._lock:
            if not self.is_current(ticket):
                return False
            if self._condition.health is Health.UP:
                self._went_down_at = time.monotonic()
            self._reason = reason
            self._is_unreachable = is_unreachable
            self._become(Health.DOWN, reason)
            prober = self._new_prober()
        LOG.warning("cell %s (%s) is down: %s", self._cell.name, self._cell.uuid, reason)
        if prober is not None:
            prober.start()
        self._on_down()
        return True

    def _become(self, health: Health, reason: str = "") -> None:
        before = self._condition
        self._condition = Condition(
            self._cell,
            health,
            since=_now(),
            reason=reason,
            failures=before.failures + (health is Health.DOWN),
            change=before.change + 1,
        )
        self._trials = {}

    def _log_back(self) -> None:
        LOG.info(
            "cell %s (%s) is back after %.1f s",
            self._cell.name,
            self._cell.uuid,
            time.monotonic() - self._went_down_at,
        )

    def _new_prober(self) -> threading.Thread | None:
        """None while there is one: it looks itself at what has become of the cell meanwhile."""
        if self._is_probing:
            return None
        self._is_probing = True
        return threading.Thread(
            target=self._probe_while_needed, name=f"probe-{self._cell.name}", daemon=True
        )

    def _probe_while_needed(self) -> None:
        """Once for a doubt; while the cell is down, until it answers."""
        while not self._closed.wait(self._next_pause_s()):
            is_answered = self._is_answered()
            with self._lock:
                self._heard += is_answered
                is_down = self._condition.health is Health.DOWN
                if is_down and not is_answered:
                    continue
                self._is_probing = False
                is_back = is_down and self._is_unreachable
                if is_back:
                    self._become(Health.UP)
                elif is_down:
                    self._become(Health.TRYING, self._condition.reason)
            if is_back:
                self._log_back()
            return

    def _next_pause_s(self) -> float:
        if self._condition.health is Health.UP:
            return 0.0
        # Jitter, so that the processes of a cloud do not come back to a database all at once.
        pause_s = self._pause_s * random.uniform(0.5, 1)
        self._pause_s = min(max(self._pause_s * 2, self._first_pause_s), self._longest_pause_s)
        return pause_s

    def _is_answered(self) -> bool:
        began = time.monotonic()
        try:
            self._probe()
        except Exception as exc:
            LOG.debug("cell %s does not answer a probe: %s", self._cell.name, exc)
            return False
        # What has no timeout of its own is judged by the clock.
        return time.monotonic() - began <= self._deadline_s


def _now() -> datetime:
    return datetime.now(UTC)
