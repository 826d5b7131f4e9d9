"""A budget of time for a series of calls."""

from __future__ import annotations

import time
from collections.abc import Callable


class Deadline:
    """A moment that the whole of an operation may not pass; handed down unchanged to every call it
    makes.
    """

    __slots__ = ("_clock", "_ends_at")

    def __init__(self, seconds: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        """:param clock: monotonic, in seconds."""
        self._clock = clock
        self._ends_at = clock() + seconds

    def left_s(self) -> float:
        """Seconds left, 0 when it has passed."""
        return max(0.0, self._ends_at - self._clock())
