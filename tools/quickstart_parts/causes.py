"""Why a service ended or refused, read from its log in one line."""

from __future__ import annotations

import re
from pathlib import Path

from quickstart_parts.failure import last_lines

# oslo.log puts moment, pid, level, logger and request in front of every line of a traceback.
_PREFIX = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ \d+ [A-Z]+ \S+ (\[[^\]]*\] )?")

# Long enough for the deepest traceback of a middleware stack.
_LINES = 1000

# What uWSGI writes after whatever an application said that could not be loaded.
_NOT_LOADED = "unable to load app"


def cause_of(log: Path) -> str | None:
    """The line that tells best what went wrong: a traceback's last, or else the last that was said."""
    lines = [_PREFIX.sub("", line) for line in last_lines(log, _LINES)]
    end = next((number for number, line in enumerate(lines) if line.startswith(_NOT_LOADED)), None)
    lines = lines[:end]
    return _last_exception(lines) or (lines[-1].strip() if lines else None)


def _last_exception(lines: list[str]) -> str | None:
    """The first line after a traceback's header that is not indented; of the last one, chained or not."""
    found = None
    inside = False
    for line in lines:
        if line.startswith("Traceback (most recent call last)"):
            inside = True
        elif inside and not line.startswith(" "):
            found, inside = line, False
    return found
