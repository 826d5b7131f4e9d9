"""Times in queries."""

from __future__ import annotations

from datetime import UTC, datetime

from oslo_utils import timeutils

from groundwork.errors import Invalid
from groundwork.operations import Query


def time_of(query: Query, key: str) -> datetime | None:
    """The time under a key of the query; without a zone it is UTC.

    :raises Invalid: it is none, or lies beyond the first or the last year.
    """
    text = query.get(key)
    if text is None:
        return None
    try:
        time = _parsed(text)
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError) as exc:
        raise Invalid(f"Invalid value of {key}: {text[:100]} is not a time") from exc


def _parsed(text: str) -> datetime:
    try:
        return timeutils.parse_isotime(text)
    except ValueError:
        return datetime.fromisoformat(text)


def changes_of(query: Query) -> tuple[datetime | None, datetime | None]:
    """``changes-since`` and ``changes-before``. :raises Invalid: the one is later than the other."""
    since, before = time_of(query, "changes-since"), time_of(query, "changes-before")
    if since is not None and before is not None and since > before:
        raise Invalid("The value of changes-since must be less than or equal to changes-before.")
    return since, before
