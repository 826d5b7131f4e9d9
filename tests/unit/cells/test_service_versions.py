"""What the oldest service of all cells can do is asked for now and then, by one at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from nova.cells.registry import Cell
from nova.cells.scatter import Down
from nova.cells.service_versions import ServiceVersions

CELLS = tuple(
    Cell(id=number, uuid=f"u{number}", name=f"cell{number}", transport_url="", database_url="")
    for number in (1, 2)
)
PATIENCE_S = 60.0


class Cells:
    """Registry and scatter at once: each cell answers what is set for it, or is down."""

    def __init__(self, **told: int | None) -> None:
        self.told = told
        self.real_cells = CELLS
        self.questions = 0
        self.begun = threading.Event()
        self.go_on = threading.Event()
        self.go_on.set()

    def real(self) -> tuple[Cell, ...]:
        return self.real_cells

    def ask(self, cells: Iterable[Cell], _query: Any) -> dict[Cell, Any]:
        self.questions += 1
        self.begun.set()
        assert self.go_on.wait(PATIENCE_S)
        return {
            cell: self.told[cell.name] if cell.name in self.told else Down(cell, "gone")
            for cell in cells
        }


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def make(cells: Cells, clock: Clock) -> ServiceVersions:
    return ServiceVersions(registry=cells, scatter=cells, fresh_s=10, clock=clock)  # type: ignore[arg-type]


def test_cells_are_asked_again_when_what_they_told_is_old() -> None:
    cells, clock = Cells(cell1=3, cell2=None), Clock()
    versions = make(cells, clock)
    assert [versions.minimum() for _ in range(5)] == [3] * 5
    assert cells.questions == 1
    cells.told = {"cell1": 3, "cell2": 2}
    clock.now += 10
    assert [versions.minimum() for _ in range(5)] == [2] * 5
    assert cells.questions == 2


def test_silent_cell_counts_as_it_told_last_until_it_is_gone() -> None:
    cells, clock = Cells(cell1=3), Clock()
    versions = make(cells, clock)
    assert versions.minimum() == 3
    for told, expected in (({"cell1": 3, "cell2": 1}, 1), ({"cell1": 3}, 1), ({}, 1)):
        cells.told, clock.now = told, clock.now + 10
        assert versions.minimum() == expected
    cells.real_cells, clock.now = CELLS[:1], clock.now + 10
    assert versions.minimum() == 3


def test_nobody_waits_while_another_asks_again() -> None:
    cells, clock = Cells(cell1=3, cell2=3), Clock()
    versions = make(cells, clock)
    assert versions.minimum() == 3
    cells.told, clock.now = {"cell1": 3, "cell2": 2}, clock.now + 10
    cells.begun.clear()
    cells.go_on.clear()
    with ThreadPoolExecutor() as threads:
        asking = threads.submit(versions.minimum)
        assert cells.begun.wait(PATIENCE_S)
        assert versions.minimum() == 3
        cells.go_on.set()
        assert asking.result(timeout=PATIENCE_S) == 2
    assert (versions.minimum(), cells.questions) == (2, 2)


def test_first_ones_wait_for_one_answer() -> None:
    cells = Cells(cell1=3, cell2=2)
    cells.go_on.clear()
    versions = make(cells, Clock())
    with ThreadPoolExecutor(8) as threads:
        asking = [threads.submit(versions.minimum) for _ in range(8)]
        assert cells.begun.wait(PATIENCE_S)
        cells.go_on.set()
        assert {one.result(timeout=PATIENCE_S) for one in asking} == {2}
    assert cells.questions == 1
