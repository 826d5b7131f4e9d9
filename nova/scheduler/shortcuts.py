"""Methods that say for many hosts at once what a plain method says of each."""

from __future__ import annotations

from collections.abc import Hashable
from functools import cache
from typing import cast


def speaks_for(of: type, shortcut: str, *plain: str) -> bool:
    """Whether the shortcut of a class says what its plain methods say.

    It does not where an operator's class derives from one of ours and changes a plain method only: then the shortcut
    that it has inherited would answer for what it has replaced.
    """
    return _speaks_for(cast(Hashable, of), shortcut, plain)


@cache
def _speaks_for(of: type, shortcut: str, plain: tuple[str, ...]) -> bool:
    owner = _owner(of, shortcut)
    return all(issubclass(owner, _owner(of, name)) for name in plain)


def _owner(of: type, name: str) -> type:
    return next(each for each in of.__mro__ if name in vars(each))
