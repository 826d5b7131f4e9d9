"""The health of one cell: down when it does not answer, probed by one thread, up again when it has answered."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from nova.cells.breaker import Breaker, Condition, Health, Ticket
from nova.cells.registry import Cell

CELL = Cell(id=1, uuid="u1", name="cell1", transport_url="", database_url="")
PATIENCE_S = 60.0


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        threading.Event().wait(0.002)


class Probe:
    """A cell that answers probes as soon as it is told to."""

    def __init__(self) -> None:
        self.calls = 0
        self.answers = False
        self.at_once = 0
        self.most_at_once = 0
        self._lock = threading.Lock()

    def __call__(self) -> None:
        with self._lock:
            self.calls += 1
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            if not self.answers:
                raise OSError("no route to host")
        finally:
            with self._lock:
                self.at_once -= 1


@pytest.fixture
def probe() -> Probe:
    return Probe()


@pytest.fixture
def breaker(probe: Probe) -> Iterator[Breaker]:
    found = Breaker(CELL, probe=probe, first_pause_s=0.001, longest_pause_s=0.004)
    yield found
    found.close()


def admitted(breaker: Breaker, line: str | None = None) -> Ticket:
    ticket = breaker.admit(line)
    assert ticket is not None
    return ticket


def bring_down(breaker: Breaker, reason: str = "late") -> None:
    breaker.silent(admitted(breaker), reason)


def test_cell_is_up_until_a_question_gets_no_answer(breaker: Breaker) -> None:
    ticket = admitted(breaker)
    breaker.answered(ticket)
    assert breaker.condition.health is Health.UP
    bring_down(breaker, "no route to host")
    assert breaker.condition.health is Health.DOWN
    assert breaker.reason == "no route to host"
    assert breaker.admit() is None


def test_probes_go_on_until_one_is_answered_and_then_one_question_goes_through(
    breaker: Breaker, probe: Probe
) -> None:
    bring_down(breaker)
    wait_for(lambda: probe.calls >= 5)
    assert breaker.condition.health is Health.DOWN
    probe.answers = True
    wait_for(lambda: breaker.condition.health is Health.TRYING)
    trial = admitted(breaker)
    # Half open: only its answer lets the others follow.
    assert [breaker.admit() for _ in range(3)] == [None] * 3
    breaker.answered(trial)
    assert breaker.condition.health is Health.UP
    assert (breaker.condition.reason, breaker.reason) == ("", "late")
    assert admitted(breaker) == admitted(breaker)


def test_trial_that_is_not_answered_takes_the_cell_down_again(
    breaker: Breaker, probe: Probe
) -> None:
    probe.answers = True
    bring_down(breaker)
    wait_for(lambda: breaker.condition.health is Health.TRYING)
    bring_down(breaker, "late again")
    assert breaker.condition.failures == 2
    wait_for(lambda: breaker.condition.health is Health.TRYING)
    breaker.answered(admitted(breaker))
    assert breaker.condition.health is Health.UP


def test_one_prober_however_many_questions_get_no_answer(breaker: Breaker, probe: Probe) -> None:
    """One background probe per cell, not per request."""
    tickets = [admitted(breaker) for _ in range(64)]
    before = {thread.ident for thread in threading.enumerate()}
    with ThreadPoolExecutor(16) as threads:
        list(threads.map(lambda ticket: breaker.silent(ticket, "late"), tickets))
        probers = [
            thread
            for thread in threading.enumerate()
            if thread.name == "probe-cell1" and thread.ident not in before
        ]
        assert len(probers) == 1
    wait_for(lambda: probe.calls >= 10)
    assert probe.most_at_once == 1
    assert breaker.condition.failures == 1


def test_news_of_before_the_last_change_count_for_nothing(breaker: Breaker, probe: Probe) -> None:
    """A question that was stuck when its cell went down ends one day; what it tells is old by then."""
    stuck, stuck_too = admitted(breaker), admitted(breaker)
    probe.answers = True
    bring_down(breaker)
    wait_for(lambda: breaker.condition.health is Health.TRYING)
    breaker.answered(stuck)
    assert breaker.condition.health is Health.TRYING
    breaker.answered(admitted(breaker))
    breaker.silent(stuck_too, "very late")
    assert breaker.condition.health is Health.UP


def test_leave_that_was_given_as_the_cell_went_down_is_old(probe: Probe) -> None:
    """Its question fails like the one before, and tells nobody a second time that the cell is down."""

    class FallsBetween(Breaker):
        @property
        def condition(self) -> Condition:
            seen = super().condition
            if first:
                self.unreachable(first.pop(), "no route to host")
            return seen

    first: list[Ticket] = []
    breaker = FallsBetween(CELL, probe=probe)
    first.append(admitted(breaker))
    second = admitted(breaker)
    breaker.close()
    assert breaker.condition.health is Health.DOWN
    assert not breaker.is_current(second)
    breaker.unreachable(second, "no route to host")
    assert breaker.condition.failures == 1


def test_pauses_grow_to_a_bound_with_jitter(probe: Probe, monkeypatch: pytest.MonkeyPatch) -> None:
    """A struggling database is not run over by probes, and probes of many processes do not come together."""
    pauses: list[tuple[float, float, float]] = []

    def uniform(low: float, high: float) -> float:
        pauses.append((low, high, breaker._pause_s))
        return 0.0

    monkeypatch.setattr("nova.cells.breaker.random.uniform", uniform)
    breaker = Breaker(CELL, probe=probe, first_pause_s=1, longest_pause_s=5)
    bring_down(breaker)
    wait_for(lambda: len(pauses) >= 6)
    breaker.close()
    assert {(low, high) for low, high, _ in pauses} == {(0.5, 1)}
    assert [pause for *_, pause in pauses[:6]] == [0, 1, 2, 4, 5, 5]


def test_closed_breaker_probes_no_more(breaker: Breaker, probe: Probe) -> None:
    before = set(threading.enumerate())
    bring_down(breaker)
    probing = {one for one in threading.enumerate() if one.name == "probe-cell1"} - before
    breaker.close()
    wait_for(lambda: not any(one.is_alive() for one in probing))


def test_whoever_waits_is_told_that_the_cell_went_down(probe: Probe) -> None:
    told: list[str] = []
    breaker = Breaker(CELL, probe=probe, on_down=lambda: told.append(breaker.reason))
    first, second = admitted(breaker), admitted(breaker)
    breaker.silent(first, "late")
    breaker.silent(second, "late, too")
    breaker.close()
    assert told == ["late"]


def test_late_question_is_its_own_fault_when_a_probe_was_answered(
    breaker: Breaker, probe: Probe
) -> None:
    probe.answers = True
    doubt = breaker.doubt(admitted(breaker))
    wait_for(lambda: probe.calls == 1 and breaker._heard == 1)
    assert not breaker.late(doubt)
    assert breaker.condition.health is Health.UP
    # What was answered before a question was doubted tells nothing of it.
    probe.answers = False
    later = breaker.doubt(admitted(breaker))
    wait_for(lambda: probe.calls == 2)
    assert breaker.late(later)
    assert (breaker.condition.health, breaker.reason) == (Health.DOWN, "it missed the deadline")
    assert not breaker.late(later)


def test_late_question_takes_the_cell_down_while_the_probe_is_waiting() -> None:
    """Nobody waits for a probe: it has begun early enough."""
    answer = threading.Event()
    breaker = Breaker(CELL, probe=lambda: answer.wait(PATIENCE_S))
    doubts = [breaker.doubt(admitted(breaker)) for _ in range(8)]
    assert breaker.late(doubts[0])
    assert breaker.condition.health is Health.DOWN
    # The same prober finds out that the cell is back.
    answer.set()
    wait_for(lambda: breaker.condition.health is Health.TRYING)
    assert breaker.condition.failures == 1
    breaker.close()


def test_doubts_share_one_prober(breaker: Breaker, probe: Probe) -> None:
    with ThreadPoolExecutor(16) as threads:
        list(threads.map(lambda _: breaker.doubt(admitted(breaker)), range(200)))
    wait_for(lambda: not breaker._is_probing)
    assert probe.most_at_once == 1


def test_unreachable_cell_is_up_with_the_first_answered_probe(
    breaker: Breaker, probe: Probe
) -> None:
    breaker.unreachable(admitted(breaker), "no route to host")
    wait_for(lambda: probe.calls >= 3)
    assert breaker.condition.health is Health.DOWN
    probe.answers = True
    wait_for(lambda: breaker.condition.health is Health.UP)
    assert breaker.condition.reason == ""


def test_cell_that_only_answers_probes_is_probed_with_growing_pauses(
    breaker: Breaker, probe: Probe
) -> None:
    """Pauses are short again after an answered question, not after an answered probe."""
    probe.answers = True
    for pause_s in (0.001, 0.002, 0.004, 0.004):
        breaker.unreachable(admitted(breaker), "too many connections")
        wait_for(lambda: breaker.condition.health is Health.UP)
        assert breaker._pause_s == pause_s
    breaker.answered(admitted(breaker))
    assert breaker._pause_s == 0


def test_each_line_has_a_trial(breaker: Breaker, probe: Probe) -> None:
    """Who lists slowly does not keep those out who look something up."""
    probe.answers = True
    bring_down(breaker)
    wait_for(lambda: breaker.condition.health is Health.TRYING)
    slow, quick = admitted(breaker, "lists"), admitted(breaker, "lookups")
    assert slow.is_trial
    assert quick.is_trial
    assert breaker.admit("lists") is None
    breaker.answered(quick)
    assert breaker.condition.health is Health.UP
    # It began before the cell was up again.
    breaker.silent(slow, "late")
    assert breaker.condition.health is Health.UP


def test_trial_that_is_stuck_counts_as_late(probe: Probe) -> None:
    """Nobody waits for it; who comes next looks at the clock."""
    probe.answers = True
    breaker = Breaker(CELL, probe=probe, deadline_s=0.05)
    bring_down(breaker)
    wait_for(lambda: breaker.condition.health is Health.TRYING)
    assert admitted(breaker).is_trial
    wait_for(lambda: breaker.admit() is None and breaker.condition.failures == 2)
    breaker.close()


def test_probe_that_is_late_is_not_answered() -> None:
    calls = 0

    def probe() -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            threading.Event().wait(0.2)

    breaker = Breaker(CELL, probe=probe, deadline_s=0.1, first_pause_s=0.001)
    bring_down(breaker)
    wait_for(lambda: breaker.condition.health is Health.TRYING)
    assert calls == 2
    breaker.close()
