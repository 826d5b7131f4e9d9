"""Questions to many cells: silence is a value, and nobody waits for it."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from groundwork.errors import Unavailable
from nova.cells.breaker import Health
from nova.cells.registry import Cell
from nova.cells.scatter import Down, Late, Line, Scatter

CELLS = [
    Cell(id=number, uuid=f"u{number}", name=f"cell{number}", transport_url="", database_url="")
    for number in range(1, 4)
]
ONE, TWO, THREE = CELLS

# What does not happen by then never will.
PATIENCE_S = 60.0


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        threading.Event().wait(0.005)


class FakeTargets:
    """Every cell's database gives the cell's name as its transaction; some refuse."""

    def __init__(self) -> None:
        self.broken: dict[str, Exception] = {}
        self.asked: Counter[str] = Counter()
        self._silent: dict[str, threading.Event] = {}

    def silence(self, name: str) -> None:
        """No answer from this cell, to probes neither, until :meth:`answer_again`."""
        self._silent[name] = threading.Event()

    def answer_again(self, *names: str) -> None:
        for name in names or [*self._silent]:
            self._silent[name].set()

    def wait_if_silent(self, tx: Any) -> str:
        """A question."""
        name = str(tx)
        self.asked[name] += 1
        if name in self._silent:
            self._silent[name].wait(PATIENCE_S)
        return name

    def refuse_if_broken(self, cell: Cell) -> None:
        # Looked up once: others mend it at the same moment.
        problem = self.broken.get(cell.name)
        if problem is not None:
            raise problem

    def probe(self, cell: Cell, *, timeout_s: float) -> None:
        """As :meth:`nova.cells.target.Targets.probe`."""
        self.refuse_if_broken(cell)
        if cell.name in self._silent and not self._silent[cell.name].is_set():
            raise TimeoutError

    def database(self, cell: Cell) -> Any:
        outer = self

        class FakeDatabase:
            @contextmanager
            def read(self) -> Iterator[str]:
                outer.refuse_if_broken(cell)
                yield cell.name

        return FakeDatabase()

    lists = database


@pytest.fixture
def targets() -> FakeTargets:
    return FakeTargets()


@pytest.fixture
def scatter(targets: FakeTargets) -> Iterator[Scatter]:
    found = Scatter(targets, threads=4, deadline_s=30)  # type: ignore[arg-type]
    yield found
    targets.answer_again()
    found.close()


def test_answers_are_by_cell_in_the_order_of_the_question(scatter: Scatter) -> None:
    answers = scatter.ask([TWO, ONE, THREE], lambda tx: f"{tx}!")  # type: ignore[arg-type]
    assert list(answers.items()) == [(TWO, "cell2!"), (ONE, "cell1!"), (THREE, "cell3!")]
    assert scatter.ask([], lambda tx: tx) == {}


def test_cell_that_is_down_says_why_and_the_others_answer(
    scatter: Scatter, targets: FakeTargets
) -> None:
    targets.broken["cell2"] = OSError("no route to host")
    assert scatter.ask(CELLS, lambda tx: tx) == {
        ONE: "cell1",
        TWO: Down(TWO, "no route to host"),
        THREE: "cell3",
    }


def test_question_that_fails_in_one_cell_spoils_that_answer_only(scatter: Scatter) -> None:
    def question(tx: Any) -> str:
        if tx == "cell1":
            raise ValueError("bad page")
        return str(tx)

    answers = scatter.ask([ONE, TWO], question)
    assert answers == {ONE: Down(ONE, "bad page"), TWO: "cell2"}


def test_late_cell_delays_nobody_past_the_deadline(scatter: Scatter) -> None:
    release = threading.Event()

    def question(tx: Any) -> str:
        if tx == "cell2":
            release.wait(timeout=60)
        return str(tx)

    started = time.monotonic()
    answers = scatter.ask(CELLS, question, deadline_s=0.2)
    took_s = time.monotonic() - started
    release.set()
    assert answers == {ONE: "cell1", TWO: Late(TWO), THREE: "cell3"}
    assert took_s < 20


def test_late_cell_costs_its_deadline_once(scatter: Scatter, targets: FakeTargets) -> None:
    """A late cell is known to be down: who asks next is told at once and puts no thread into it."""
    targets.silence("cell1")
    assert scatter.ask([ONE, TWO], targets.wait_if_silent, deadline_s=0.05) == {
        ONE: Late(ONE),
        TWO: "cell2",
    }
    asked = targets.asked["cell1"]
    for _ in range(100):
        answers = scatter.ask([ONE, TWO], targets.wait_if_silent)
        assert answers == {ONE: Down(ONE, "it missed the deadline"), TWO: "cell2"}
    assert targets.asked["cell1"] == asked
    assert scatter.down() == (ONE,)


def test_those_who_wait_already_are_released_when_the_first_deadline_passes(
    scatter: Scatter, targets: FakeTargets
) -> None:
    targets.silence("cell1")
    with ThreadPoolExecutor() as clients:
        # Its own deadline would keep this one for an hour.
        patient = clients.submit(scatter.ask, [ONE], targets.wait_if_silent, deadline_s=3600)
        wait_for(lambda: targets.asked["cell1"] == 1)
        scatter.ask([ONE], targets.wait_if_silent, deadline_s=0.05)
        assert patient.result(timeout=PATIENCE_S) == {ONE: Down(ONE, "it missed the deadline")}


def test_dead_cell_holds_no_more_threads_than_its_own(targets: FakeTargets) -> None:
    """Late queries do not pile up, and questions to other cells never wait for a thread that is stuck."""
    scatter = Scatter(targets, threads=2, deadline_s=PATIENCE_S)  # type: ignore[arg-type]
    targets.silence("cell1")
    with ThreadPoolExecutor(16) as clients:
        stuck = [
            clients.submit(scatter.ask, [ONE], targets.wait_if_silent, deadline_s=3600)
            for _ in range(16)
        ]
        wait_for(lambda: targets.asked["cell1"] == 2)
        for _ in range(20):
            assert scatter.ask([TWO, THREE], targets.wait_if_silent) == {
                TWO: "cell2",
                THREE: "cell3",
            }
        scatter.ask([ONE], targets.wait_if_silent, deadline_s=0.05)
        assert {answer.result(timeout=PATIENCE_S)[ONE] for answer in stuck} == {
            Down(ONE, "it missed the deadline")
        }
        # The fourteen that were still in the queue never reached the cell.
        targets.answer_again("cell1")
        assert targets.asked["cell1"] == 2
    scatter.close()


def test_cell_that_answers_again_is_found_without_anybody_waiting_for_it(
    scatter: Scatter, targets: FakeTargets
) -> None:
    targets.broken["cell1"] = OSError("no route to host")
    assert scatter.ask([ONE], lambda tx: tx) == {ONE: Down(ONE, "no route to host")}
    assert scatter.ask([ONE], lambda tx: tx) == {ONE: Down(ONE, "no route to host")}
    del targets.broken["cell1"]
    wait_for(lambda: scatter.ask([ONE], lambda tx: tx) == {ONE: "cell1"})
    assert scatter.down() == ()
    [condition] = scatter.conditions()
    assert (condition.health, condition.reason, condition.failures) == (Health.UP, "", 1)


def test_refused_question_is_no_silence(scatter: Scatter) -> None:
    """A cell that lacks a column answers all the same, if only to those who do not ask for it."""

    def refused(_tx: Any) -> None:
        raise ValueError("no such column")

    assert scatter.ask([ONE], refused) == {ONE: Down(ONE, "no such column")}
    assert scatter.ask([ONE], lambda tx: tx) == {ONE: "cell1"}


def test_change_in_a_cell_that_is_down_is_refused_at_once(
    scatter: Scatter, targets: FakeTargets
) -> None:
    assert scatter.database(ONE) is not None
    targets.broken["cell1"] = OSError("no route to host")
    scatter.ask([ONE], lambda tx: tx)
    with pytest.raises(Unavailable, match="cell1") as refusal:
        scatter.database(ONE)
    assert refusal.value.internal == "no route to host"


def test_changed_url_is_asked_at_once_whatever_is_known_of_the_old_one(
    scatter: Scatter, targets: FakeTargets
) -> None:
    targets.broken["cell1"] = OSError("no route to host")
    scatter.ask([ONE], lambda tx: tx)
    del targets.broken["cell1"]
    moved = replace(ONE, database_url="elsewhere")
    assert scatter.ask([moved], lambda tx: tx) == {moved: "cell1"}
    scatter.keep_only([moved, TWO])
    assert [condition.cell for condition in scatter.conditions()] == [moved]


def test_log_has_one_line_for_each_change(
    scatter: Scatter, targets: FakeTargets, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="nova.cells")
    targets.broken["cell1"] = OSError("no route to host")
    for _ in range(50):
        scatter.ask([ONE], lambda tx: tx)
    del targets.broken["cell1"]
    wait_for(lambda: scatter.ask([ONE], lambda tx: tx) == {ONE: "cell1"})
    down, back = [record.getMessage() for record in caplog.records]
    assert down == "cell cell1 (u1) is down: no route to host"
    assert back.startswith("cell cell1 (u1) is back after")


def test_many_threads_ask_while_cells_come_and_go(scatter: Scatter, targets: FakeTargets) -> None:
    """Whatever happens to a cell, an answer is its own or says that there is none; in the end all answer."""

    def ask(number: int) -> None:
        name = f"cell{number % 2 + 1}"
        if number % 7 == 0:
            targets.broken[name] = OSError("gone")
        if number % 7 == 3:
            targets.broken.pop(name, None)
        for cell, answer in scatter.ask(CELLS, lambda tx: tx).items():
            assert answer in (cell.name, Down(cell, "gone"))
            assert cell != THREE or answer == "cell3"

    with ThreadPoolExecutor(16) as clients:
        for done in [clients.submit(ask, number) for number in range(600)]:
            done.result(timeout=PATIENCE_S)
    targets.broken.clear()
    wait_for(
        lambda: list(scatter.ask(CELLS, lambda tx: tx).values()) == ["cell1", "cell2", "cell3"]
    )
    assert scatter.down() == ()


def test_cell_that_was_renamed_or_disabled_is_the_same_cell(
    scatter: Scatter, targets: FakeTargets
) -> None:
    """Its threads and its health go on; who asks gets answers under the cell as they know it."""
    scatter.ask([ONE], lambda tx: tx)
    disabled = replace(ONE, disabled=True)
    assert scatter.ask([disabled], lambda tx: tx) == {disabled: "cell1"}
    targets.broken["cell1"] = OSError("no route to host")
    assert scatter.ask([disabled], lambda tx: tx) == {disabled: Down(disabled, "no route to host")}
    assert scatter.ask([ONE], lambda tx: tx) == {ONE: Down(ONE, "no route to host")}


def test_late_question_costs_nobody_else_anything_in_a_cell_that_answers(
    scatter: Scatter, targets: FakeTargets
) -> None:
    release = threading.Event()

    def slow(tx: Any) -> str:
        release.wait(PATIENCE_S)
        return str(tx)

    with ThreadPoolExecutor() as clients:
        # As slow, and more patient.
        patient = clients.submit(scatter.ask, [ONE], slow)
        for _ in range(3):
            assert scatter.ask([ONE], slow, line=Line.LISTS, deadline_s=0.1) == {ONE: Late(ONE)}
            assert scatter.ask([ONE], lambda tx: tx) == {ONE: "cell1"}
        assert scatter.down() == ()
        release.set()
        assert patient.result(PATIENCE_S) == {ONE: "cell1"}


def test_lookups_do_not_wait_behind_lists(targets: FakeTargets) -> None:
    scatter = Scatter(targets, threads=2, deadline_s=PATIENCE_S)  # type: ignore[arg-type]
    release = threading.Event()
    with ThreadPoolExecutor(8) as clients:
        lists = [
            clients.submit(scatter.ask, [ONE], lambda tx: release.wait(PATIENCE_S), line=Line.LISTS)
            for _ in range(8)
        ]
        for _ in range(20):
            assert scatter.ask([ONE], lambda tx: tx) == {ONE: "cell1"}
        release.set()
        assert {each.result(PATIENCE_S)[ONE] for each in lists} == {True}
    scatter.close()


def test_nobody_waits_for_a_trial(targets: FakeTargets) -> None:
    """Its asker is told what everybody is told, and the answer lets the others in."""
    scatter = Scatter(targets, threads=4, deadline_s=0.1)  # type: ignore[arg-type]
    targets.silence("cell1")
    assert scatter.ask([ONE], targets.wait_if_silent) == {ONE: Late(ONE)}
    targets.answer_again("cell1")
    wait_for(lambda: scatter.conditions()[0].health is Health.TRYING)
    release = threading.Event()
    tried: list[str] = []

    def slow(tx: Any) -> str:
        tried.append(str(tx))
        release.wait(PATIENCE_S)
        return str(tx)

    down = Down(ONE, "it missed the deadline")
    assert scatter.ask([ONE], slow, deadline_s=PATIENCE_S) == {ONE: down}
    wait_for(lambda: tried == ["cell1"])
    # It takes too long, so it is no trial that others could follow.
    wait_for(
        lambda: (
            scatter.ask([ONE], slow, deadline_s=PATIENCE_S) == {ONE: down}
            and scatter.conditions()[0].failures == 2
        )
    )
    release.set()
    wait_for(lambda: scatter.ask([ONE], lambda tx: tx) == {ONE: "cell1"})
    scatter.close()


def test_answers_are_told_as_they_come(scatter: Scatter, targets: FakeTargets) -> None:
    targets.broken["cell2"] = OSError("no route to host")
    release = threading.Event()
    told: dict[Cell, object] = {}

    def question(tx: Any) -> str:
        if tx == "cell3":
            release.wait(PATIENCE_S)
        return str(tx)

    with ThreadPoolExecutor() as clients:
        asked = clients.submit(scatter.ask, CELLS, question, heard=told.__setitem__)
        wait_for(lambda: told == {ONE: "cell1", TWO: Down(TWO, "no route to host")})
        assert not asked.done()
        release.set()
        assert asked.result(PATIENCE_S) == told
