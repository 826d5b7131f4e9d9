"""The threads that ask one cell."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue


class Lane:
    """At most so many threads, started when they are needed; what they cannot take at once waits its turn.

    A thread that is stuck in a cell is stuck in that cell's lane: other cells have lanes of their own. The threads are
    daemons, so one that never comes back keeps no process from ending. Thread safe.
    """

    def __init__(self, name: str, *, threads: int) -> None:
        self._name = name
        self._most = threads
        self._lock = threading.Lock()
        self._work: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._started = 0
        self._idle = 0
        self._is_closed = False

    @property
    def threads(self) -> int:
        """How many there are by now."""
        return self._started

    def do(self, work: Callable[[], None]) -> None:
        """Have a thread do this soon; ``work`` raises nothing."""
        with self._lock:
            if self._idle:
                self._idle -= 1
            elif self._started < self._most:
                self._started += 1
                threading.Thread(target=self._run, name=self._name, daemon=True).start()
        self._work.put(work)

    def close(self) -> None:
        """Let the threads end when they have done what is waiting."""
        with self._lock:
            if not self._is_closed:
                self._is_closed = True
                for _ in range(self._started):
                    self._work.put(None)

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            work()
            # Too high when work was waiting meanwhile; then every thread is there already, and nobody looks.
            with self._lock:
                self._idle += 1
