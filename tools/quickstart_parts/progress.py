"""What the person in front of the screen sees, and how long each part took."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from typing import TextIO


class Progress:
    """Prints one line for each thing that is done, with the seconds since the start.

    Between two of them ``working`` shows what goes on: rewritten in place on a terminal, one line every
    ``quiet_s`` seconds elsewhere.
    """

    def __init__(
        self,
        stream: TextIO | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        quiet_s: float = 10.0,
    ) -> None:
        self._stream = stream or sys.stdout
        self._clock = clock
        self._quiet_s = quiet_s
        self._started = clock()
        self._last_shown = self._started
        self._rewrites = self._stream.isatty()
        self._line_open = False
        self.milestones: list[tuple[str, float]] = []

    def elapsed_s(self) -> float:
        """Seconds since the start."""
        return self._clock() - self._started

    def done(self, what: str) -> None:
        """Say that ``what`` is finished, and keep its moment for the table."""
        self.milestones.append((what, self.elapsed_s()))
        self.say(f"{self.elapsed_s():6.1f} s  {what}")

    def working(self, what: str) -> None:
        """Show what goes on; called as often as one likes."""
        text = f"{self.elapsed_s():6.1f} s  ... {what}"
        if self._rewrites:
            self._write("\r\x1b[K" + text[:100])
            self._line_open = True
        elif self._clock() - self._last_shown >= self._quiet_s:
            self.say(text)

    def say(self, text: str = "") -> None:
        """Print a line of its own."""
        self._write(("\r\x1b[K" if self._line_open else "") + text + "\n")
        self._line_open = False
        self._last_shown = self._clock()

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except BrokenPipeError:
            # Nobody reads any more (``| head``); what runs must be stopped in order all the same.
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())


def table(heading: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Lines of a table: the first column to the left, the others (figures) to the right."""
    widths = [max(len(row[column]) for row in [heading, *rows]) for column in range(len(heading))]
    lines = []
    for row in [heading, *rows]:
        first = row[0].ljust(widths[0])
        rest = [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        lines.append("  ".join([first, *rest]).rstrip())
    return lines
