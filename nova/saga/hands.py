"""What a worker has in its hands, and what may have been put there without its knowledge.

A call to the journal may arrive though its caller has given up, and an answer may get lost though its step was given.
The journal cannot tell: it sees a claim of a process that lives. So the process itself remembers of which operations
it is unsure, and asks again.
"""

from __future__ import annotations

import threading


class Hands:
    """Operations by what one process knows of them. Thread safe; what a thread takes, only it can let go."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._holders: dict[int, int] = {}
        self._hinted: set[int] = set()
        self._unsure: set[int] = set()

    def take(self, operation_id: int) -> bool:
        """Begin to deal with an operation; False while this process does so already (which is remembered)."""
        with self._lock:
            if operation_id in self._holders:
                self._hinted.add(operation_id)
                return False
            self._holders[operation_id] = threading.get_ident()
            return True

    def let_go(self, operation_id: int, *, is_sure: bool) -> bool:
        """End dealing with an operation, if this thread does; whether somebody wanted to take it meanwhile.

        ``is_sure``: the journal has not given it to us.
        """
        with self._lock:
            if self._holders.get(operation_id) != threading.get_ident():
                return False
            del self._holders[operation_id]
            (self._unsure.discard if is_sure else self._unsure.add)(operation_id)
            was_hinted = operation_id in self._hinted
            self._hinted.discard(operation_id)
            return was_hinted

    def unsure(self) -> tuple[int, ...]:
        """Those to ask about again, oldest first; none that is in hand."""
        with self._lock:
            return tuple(sorted(self._unsure - self._holders.keys()))
