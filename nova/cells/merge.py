"""Merging sorted pages of many cells into one."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import total_ordering
from typing import Any, TypeVar

T = TypeVar("T")


@total_ordering
class Key:
    """One sort value: NULLs are the smallest, and a descending key turns the comparison round."""

    __slots__ = ("_is_descending", "_value")

    def __init__(self, value: Any, is_descending: bool) -> None:
        self._value = (value is not None, value)
        self._is_descending = is_descending

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Key) and self._value == other._value

    def __lt__(self, other: Key) -> bool:
        low, high = (other, self) if self._is_descending else (self, other)
        # Two NULLs are equal; comparing None with None would fail.
        if low._value == high._value:
            return False
        if low._value[0] != high._value[0]:
            return low._value[0] < high._value[0]
        return bool(low._value[1] < high._value[1])


def merge(
    pages: Iterable[Sequence[T]],
    *,
    key: Callable[[T], tuple[Key, ...]],
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
