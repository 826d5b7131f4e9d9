"""Uuids in their one stored spelling: dashed, lower case."""

from __future__ import annotations

import uuid


def canonical(text: str) -> str | None:
    """The dashed lower-case form of any spelling of a uuid; None when the text is none."""
    try:
        return str(uuid.UUID(text))
    except (ValueError, AttributeError):
        return None


def fresh() -> str:
    """A new random uuid."""
    return str(uuid.uuid4())
