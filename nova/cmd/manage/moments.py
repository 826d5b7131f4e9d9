"""Points in time as operators write them."""

from __future__ import annotations

from datetime import UTC, datetime

# Besides ISO 8601 in all its forms.
_FORMATS = ("%b %d %Y %H:%M:%S", "%b %d %Y %H:%M", "%b %d %Y")


def parse(text: str) -> datetime:
    """``2026-03-01``, ``2026-03-01 12:30``, ``Mar 1 2026`` and the like; UTC unless it says otherwise.

    :raises ValueError: it is no date.
    """
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        found = _spelled(text.strip())
    if found.tzinfo is None:
        return found.replace(tzinfo=UTC)
    try:
        return found.astimezone(UTC)
    except OverflowError as exc:
        # In UTC it would be before the first year, or after the last.
        raise _no_date(text) from exc


def _spelled(text: str) -> datetime:
    for form in _FORMATS:
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC)
        except ValueError:
            continue
    raise _no_date(text)


def _no_date(text: str) -> ValueError:
    return ValueError(f"{text!r} is no date; write it as 2026-03-01 or 2026-03-01 12:30.")
