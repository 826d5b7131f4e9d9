"""Work that repeats: a thread that runs it now and then every so many seconds, until it is stopped."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from groundwork.errors import Unavailable

LOG = logging.getLogger(__name__)

# Seconds until work that failed is tried again, where its interval is longer. Shorter fills the log while a neighbour
# is away; longer leaves a host unreported for that time although the neighbour is back.
_AGAIN_S = 2.0


class Periodic:
    """Runs ``work`` at once and then every ``interval_s`` seconds; can be poked to run earlier."""

    def __init__(self, name: str, interval_s: float, work: Callable[[], object]) -> None:
        self._name = name
        self._interval_s = interval_s
        self._work = work
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, in a thread of its own."""
        self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        self._thread.start()

    def poke(self) -> None:
        """Run as soon as possible, not only when the interval is over."""
        self._wake.set()

    def stop(self) -> None:
        """Let a run in progress finish, then end."""
        self._stopping.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(timeout=30)

    def _run(self) -> None:
        while not self._stopping.is_set():
            pause_s = self._interval_s
            try:
                self._work()
            except Unavailable as absent:
                pause_s = min(pause_s, _AGAIN_S)
                LOG.warning("%s waits: %s It tries again in %s s", self._name, absent, pause_s)
            except Exception:
                # The one place that catches everything: the next run may succeed.
                pause_s = min(pause_s, _AGAIN_S)
                LOG.exception("%s failed; it runs again in %s s", self._name, pause_s)
            self._wake.wait(pause_s)
            self._wake.clear()
