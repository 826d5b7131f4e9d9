"""API microversions and the ranges in which something holds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Generic, NamedTuple, Self, TypeVar

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
_TEXT = re.compile(r"^([1-9]\d*)\.([1-9]\d*|0)$")


class Version(NamedTuple):
    """One microversion; versions compare as numbers, not as text."""

    major: int
    minor: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """The version written as ``X.Y``.

        :raises ValueError: the text has another form (leading zeros, signs, spaces).
        """
        match = _TEXT.match(text)
        if match is None:
            raise ValueError(f"not a version: {text!r}")
        return cls(int(match[1]), int(match[2]))

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"


class VersionRange(NamedTuple):
    """Both ends belong to the range; ``last`` None means that it has no end."""

    first: Version
    last: Version | None

    @classmethod
    def parse(cls, text: str) -> Self:
        """The range written as ``2.1-`` (open), ``2.1-2.35`` or ``2.6`` (a single version).

        :raises ValueError: the text has another form, or ends before it starts.
        """
        first, dash, last = text.partition("-")
        start = Version.parse(first)
        if not dash:
            return cls(start, start)
        end = Version.parse(last) if last else None
        if end is not None and end < start:
            raise ValueError(f"version range {text!r} ends before it starts")
        return cls(start, end)

    def __contains__(self, version: object) -> bool:
        if not isinstance(version, Version):
            return False
        return self.first <= version and (self.last is None or version <= self.last)

    def overlaps(self, other: VersionRange) -> bool:
        """Whether some version lies in both."""
        return (self.last is None or other.first <= self.last) and (
            other.last is None or self.first <= other.last
        )

    def __str__(self) -> str:
        return f"{self.first}-{self.last or ''}"


class ByVersion(Generic[T_co]):
    """A value that changed over the versions: what counts is the newest entry not above the asked version."""

    def __init__(self, values: Mapping[str, T_co]) -> None:
        self.entries: tuple[tuple[Version, T_co], ...] = tuple(
            sorted(
                ((Version.parse(text), value) for text, value in values.items()), key=lambda e: e[0]
            )
        )

    def at(self, version: Version) -> T_co | None:
        """The value that holds at ``version``; None before the first entry."""
        found: T_co | None = None
        for start, value in self.entries:
            if start > version:
                break
            found = value
        return found


def by_version(values: Mapping[str, T]) -> ByVersion[T]:
    """Shorthand for declarations: ``by_version({"2.1": OLD, "2.75": NEW})``."""
    return ByVersion(values)
