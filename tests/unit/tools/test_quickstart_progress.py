"""What the quick start shows while it works."""

from __future__ import annotations

import io
import os

from quickstart_parts.progress import Progress, table


class _Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_done_things_carry_the_seconds_since_the_start() -> None:
    clock, stream = _Clock(), io.StringIO()
    progress = Progress(stream, clock=clock)
    clock.now += 2.25
    progress.done("Keystone answers")
    assert stream.getvalue() == "   2.2 s  Keystone answers\n"
    assert progress.milestones == [("Keystone answers", 2.25)]


def test_without_a_terminal_work_is_told_now_and_then() -> None:
    clock, stream = _Clock(), io.StringIO()
    progress = Progress(stream, clock=clock, quiet_s=10)
    for _ in range(25):
        clock.now += 1
        progress.working("installing")
    assert stream.getvalue().splitlines() == [
        "  10.0 s  ... installing",
        "  20.0 s  ... installing",
    ]


def test_reader_that_went_away_does_not_stop_the_work() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as stream:
        progress = Progress(stream)
        progress.done("first")
        progress.done("second")
        assert [what for what, _ in progress.milestones] == ["first", "second"]


def test_table_has_names_left_and_figures_right() -> None:
    assert table(("process", "MiB"), [("nova-all", "150"), ("keystone", "9")]) == [
        "process   MiB",
        "nova-all  150",
        "keystone    9",
    ]
