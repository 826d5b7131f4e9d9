"""Pages of a list: which one the request asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from groundwork.errors import Invalid
from groundwork.operations import Query
from nova.api.fields import COUNT, TEXTS

#: The query keys of lists that are paged by marker, for their schemas.
MARKER_KEYS: Mapping[str, Any] = {"limit": COUNT, "marker": TEXTS}
#: The query keys of lists that are paged by offset.
OFFSET_KEYS: Mapping[str, Any] = {"limit": COUNT, "offset": COUNT}


@dataclass(frozen=True, slots=True)
class Page:
    """At most ``limit`` rows after the one named ``marker`` (None: from the start)."""

    limit: int
    marker: str | None = None

    def is_full(self, rows: int) -> bool:
        """Whether there may be a next page after this one, which came back with ``rows`` rows."""
        return rows > 0 and rows >= self.limit


@dataclass(frozen=True, slots=True)
class Slice:
    """At most ``limit`` rows, the first ``offset`` of them left out."""

    limit: int
    offset: int = 0


class Paging:
    """Reads pages out of queries. ``max_limit`` is the largest page, and the page when no limit is asked."""

    def __init__(self, *, max_limit: int) -> None:
        self._max_limit = max_limit

    def page(self, query: Query) -> Page:
        """The page by ``limit`` and ``marker``; a limit of 0 is an empty page.

        :raises Invalid: the limit is no number >= 0.
        """
        asked = number_of(query, "limit")
        limit = self._max_limit if asked is None else min(asked, self._max_limit)
        return Page(limit=limit, marker=query.get("marker"))

    def largest(self) -> Page:
        """The first page when none can be asked for: older versions of some lists are cut there."""
        return Page(limit=self._max_limit)

    def slice(self, query: Query) -> Slice:
        """The page by ``limit`` and ``offset``; a limit of 0 means the largest page.

        :raises Invalid: one of them is no number >= 0.
        """
        asked = number_of(query, "limit") or self._max_limit
        return Slice(limit=min(asked, self._max_limit), offset=number_of(query, "offset") or 0)


def number_of(query: Query, key: str) -> int | None:
    """The number >= 0 under a query key; None when the key is not there.

    :raises Invalid: it holds something else.
    """
    text = query.get(key)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > 100:
        raise Invalid(f"{key} must be a number that is not negative, not '{text}'")
    return int(text)


def sort_of(
    query: Query, *, default: tuple[tuple[str, str], ...], default_direction: str
) -> tuple[tuple[str, str], ...]:
    """``(key, asc|desc)`` pairs by ``sort_key`` and ``sort_dir``; keys without a direction take the first one's.

    :raises Invalid: more directions than keys.
    """
    keys = query.all("sort_key")
    directions = query.all("sort_dir")
    if not keys:
        if len(directions) > len(default):
            raise Invalid("There are more sort_dir than sort_key.")
        return tuple(
            (key, directions[at] if at < len(directions) else direction)
            for at, (key, direction) in enumerate(default)
        )
    if len(directions) > len(keys):
        raise Invalid("There are more sort_dir than sort_key.")
    rest = directions[0] if directions else default_direction
    return tuple(
        (key, directions[at] if at < len(directions) else rest) for at, key in enumerate(keys)
    )
