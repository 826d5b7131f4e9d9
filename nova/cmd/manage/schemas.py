"""Bringing a schema up to date, as both database categories do it."""

from __future__ import annotations

import sys
from collections.abc import Callable

from groundwork.database import Database

# For the databases that operators have no word for: the newest revision.
NEWEST = "head"


def sync(
    open_database: Callable[[], Database], migrate: Callable[..., None], to: str | None
) -> int:
    """0, or 1 with a line on what was wrong."""
    try:
        migrate(open_database(), to=to or NEWEST)
    except Exception as exc:
        print(f"ERROR: {one_line(exc)}", file=sys.stderr)
        return 1
    return 0


def one_line(exc: Exception) -> str:
    """The first line of what a database or alembic has to say."""
    text = str(exc).strip() or type(exc).__name__
    return text.splitlines()[0]
