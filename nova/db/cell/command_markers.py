"""Where commands that are run in portions go on: the last row that they have done."""

from __future__ import annotations

import sqlalchemy as sa

from groundwork.database import Transaction
from nova.db.cell.models import command_markers


def position(tx: Transaction, name: str) -> int:
    """The row to go on after; 0 at the beginning."""
    query = sa.select(command_markers.c.position).where(command_markers.c.name == name)
    return int(tx.execute(query).scalar() or 0)


def move(tx: Transaction, name: str, position: int) -> None:
    """Go on after that row next time."""
    own = command_markers
    changed = tx.execute(sa.update(own).where(own.c.name == name).values(position=position))
    # MariaDB tells rows found, not rows changed, as the driver is told to: an equal position is no absence.
    if not changed.rowcount:
        tx.execute(sa.insert(own).values(name=name, position=position))


def reset(tx: Transaction, name: str) -> None:
    """Begin again."""
    tx.execute(sa.delete(command_markers).where(command_markers.c.name == name))
