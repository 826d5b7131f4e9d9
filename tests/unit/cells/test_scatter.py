"""Questions to many cells: silence is a value, and nobody waits for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from nova.cells.registry import Cell
from nova.cells.scatter import Down, Late, Scatter

CELLS = [
    Cell(id=number, uuid=f"u{number}", name=f"cell{number}", transport_url="", database_url="")
    for number in range(1, 4)
]
ONE, TWO, THREE = CELLS


class FakeTargets:
    """Every cell's database gives the cell's name as its transaction; some refuse."""

    def __init__(self) -> None:
        self.broken: dict[str, Exception] = {}

    def database(self, cell: Cell) -> Any:
        outer = self

        class FakeDatabase:
            @contextmanager
            def read(self) -> Iterator[str]:
                if cell.name in outer.broken:
                    raise outer.broken[cell.name]
                yield cell.name

        return FakeDatabase()


@pytest.fixture
def targets() -> FakeTargets:
    return FakeTargets()


@pytest.fixture
def scatter(targets: FakeTargets) -> Iterator[Scatter]:
    found = Scatter(targets, threads=4, deadline_s=30)  # type: ignore[arg-type]
    yield found
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


def test_late_cells_that_fill_every_thread_make_others_late_and_not_stuck(
    targets: FakeTargets,
) -> None:
    scatter = Scatter(targets, threads=1, deadline_s=30)  # type: ignore[arg-type]
    release = threading.Event()
    assert scatter.ask([ONE], lambda tx: release.wait(timeout=60), deadline_s=0.05) == {
        ONE: Late(ONE)
    }
    assert scatter.ask([TWO], lambda tx: tx, deadline_s=0.05) == {TWO: Late(TWO)}
    release.set()
    # The question that nobody waits for any more was taken back, so the thread is free at once.
    assert scatter.ask([TWO], lambda tx: tx) == {TWO: "cell2"}
    scatter.close()
