"""Merging sorted pages of many cells into one."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, TypeVar

T = TypeVar("T")


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class _Descending:
    """A text that sorts the other way round."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Descending) and self._text == other._text

    def __lt__(self, other: _Descending) -> bool:
        return other._text < self._text


def sort_value(value: Any, is_descending: bool) -> tuple[Any, ...]:
    """A text, number or time in a form that compares as the databases sort: NULLs are the smallest.

    A page has a thousand rows with several of these, so all but descending texts compare without a line of Python.
    """
    if value is None:
        return _LAST if is_descending else _FIRST
    if not is_descending:
        return (1, value)
    if isinstance(value, str):
        return (1, _Descending(value))
    return (1, _EPOCH - value if isinstance(value, datetime) else -value)


_FIRST = (0,)
_LAST = (2,)


def merge(
    pages: Iterable[Iterable[T]],
    *,
    key: Callable[[T], tuple[Any, ...]],
    identity: Callable[[T], str],
) -> Iterator[T]:
    """The rows of all pages in the order of ``key``, lazily; a row that is in two pages comes once.

    A server in transit from its build request to its cell is in both; the page given first wins.
    """
    seen: set[str] = set()
    for row in heapq.merge(*pages, key=key):
        name = identity(row)
        if name not in seen:
            seen.add(name)
            yield row
