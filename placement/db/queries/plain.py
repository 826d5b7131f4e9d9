"""Texts from outside that no uuid and no name of a class or trait can be, and that engines refuse to compare with."""

from __future__ import annotations

from collections.abc import Iterable


def is_plain(text: str) -> bool:
    """Whether this could be a uuid or the name of a class or trait.

    MariaDB fails when it compares ASCII columns with other text, PostgreSQL with every text that holds a NUL.
    """
    return text.isascii() and text.isprintable()


def plain_only(texts: Iterable[str]) -> list[str]:
    """Those of the texts that can be asked for, sorted."""
    return sorted(text for text in texts if is_plain(text))
