"""Why a service ended or refused, read from its log in one line."""

from __future__ import annotations

import re
from pathlib import Path

from quickstart_parts.failure import last_lines

# oslo.log puts moment, pid, level, logger and request in front of every line of a traceback.
_PREFIX = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ \d+ [A-Z]+ \S+ (\[[^\]]*\] )?")

# Long enough for the deepest traceback of a middleware stack.
_LINES = 1000

# What uWSGI writes after whatever an application said that could not be loaded, or that left while loading.
_NOT_LOADED = re.compile(r"^(unable to load app|DAMN ! worker \d+ )", re.MULTILINE)
_LOADED = "WSGI app 0 (mountpoint='') ready"


def never_loaded(log: Path) -> bool:
    """Whether a uWSGI service could not load its application; one that died later will be respawned."""
    text = log.read_text(encoding="utf-8", errors="replace")
    found = _NOT_LOADED.search(text)
    return found is not None and _LOADED not in text[: found.start()]


def cause_of(log: Path) -> str | None:
    """The line that tells best what went wrong: a traceback's last, or else the last that was said."""
    lines = [_PREFIX.sub("", line) for line in last_lines(log, _LINES)]
    end = next((number for number, line in enumerate(lines) if _NOT_LOADED.match(line)), None)
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
