"""Waiting for a condition, never for a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

# Small against what is waited for, large against what asking costs.
_POLL_S = 0.1


def wait_for(what: str, look: Callable[[], T], *, timeout_s: float) -> T:
    """What ``look`` gives, once that is something true.

    :raises AssertionError: it took longer than ``timeout_s``.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout_s:.0f} s in vain for {what}")
        time.sleep(_POLL_S)
