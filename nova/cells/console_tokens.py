"""Console tokens, made such that the cell of one can be told from it.

A token is checked in the cell of its server, and nothing above the cells remembers which that is. So its last four
digits are a check of the others against the cell's uuid: of a hundred cells the right one is asked, and another by
chance once in six hundred tokens. Who makes tokens up mostly asks none. They say nothing about the cell to those who do
not know its uuid, and are no proof: the cell has the row, or the token is refused.
"""

from __future__ import annotations

import hashlib
import secrets
import uuid
from collections.abc import Iterable

from nova.cells.registry import Cell

_CHECK_DIGITS = 4


def make_token(cell: Cell) -> str:
    """A new token for a console in this cell: a random uuid, as clients know them, with 106 bits to guess."""
    fresh = str(uuid.UUID(bytes=secrets.token_bytes(16), version=4))[:-_CHECK_DIGITS]
    return fresh + _check(fresh, cell)


def cells_of(token: str, cells: Iterable[Cell]) -> tuple[Cell, ...]:
    """Those of the cells that the token may be of; mostly none or one."""
    rest, check = token[:-_CHECK_DIGITS], token[-_CHECK_DIGITS:]
    return tuple(cell for cell in cells if _check(rest, cell) == check)


def _check(rest: str, cell: Cell) -> str:
    return hashlib.sha256(f"{rest} {cell.uuid}".encode()).hexdigest()[:_CHECK_DIGITS]
