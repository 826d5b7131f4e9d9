"""Native threads, and nothing else.

oslo.service chooses eventlet unless it is told otherwise before its first use, and futurist imports eventlet whenever
it happens to be installed: half a second of every start, for a library that nobody here may use.
"""

from __future__ import annotations

import contextlib
import sys


def insist() -> None:
    """Keep eventlet out of this process; to be called before anything imports oslo.messaging or oslo.service.

    Nothing happens when somebody else has imported eventlet, or chosen, already.
    """
    if "eventlet" not in sys.modules:
        # An entry of None makes "import eventlet" fail as if it were not installed.
        sys.modules["eventlet"] = None  # type: ignore[assignment]
    from oslo_service import backend
    from oslo_service.backend.exceptions import BackendAlreadySelected

    # Chosen by whoever came first (a test runner, say): then there is nothing left to insist on.
    with contextlib.suppress(BackendAlreadySelected):
        backend.init_backend(backend.BackendType.THREADING)
