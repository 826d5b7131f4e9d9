"""How often a process looks for garbage."""

from __future__ import annotations

import gc

# Objects that come and stay before the collector looks for garbage. A decision among a thousand hosts and a page of a
# thousand servers make thousands of them at once and drop them without its help; with Python's 700 it walks through all
# of them again and again, which took as long as deciding. Larger: cycles that errors leave behind lie about longer.
_YOUNG_OBJECTS = 50_000


def collect_rarely() -> None:
    """Let the garbage collector of this process work at the pace of decisions and lists."""
    gc.set_threshold(_YOUNG_OBJECTS, 20, 20)
