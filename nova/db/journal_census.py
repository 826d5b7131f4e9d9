"""A journal read from end to end, in short batches: which operations are alive, and in whose hands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from groundwork.database import Transaction
from nova.db.journal import ALIVE, JournalTables


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an unfinished operation stands. ``touched_at``: when somebody last took it up, or its beginning.

    ``waits_in_vain``: it is blocked by an operation that has ended or is gone.
    """

    id: int
    action: str
    instance_uuid: str
    step: str | None
    place: str | None
    place_host: str | None
    owner: str | None
    incarnation: str | None
    claim: str | None
    blocked_by: int | None
    touched_at: datetime
    waits_in_vain: bool


def alive(
    tx: Transaction, tables: JournalTables, *, after_id: int, limit: int
) -> Sequence[Standing]:
    """The next unfinished operations by number."""
    own = tables.operations
    other = own.alias("other")
    in_vain = sa.and_(
        own.c.blocked_by.is_not(None),
        ~sa.exists().where(other.c.id == own.c.blocked_by, other.c.state.in_(ALIVE)),
    )
    fields = [
        name
        for name in Standing.__dataclass_fields__
        if name not in ("touched_at", "waits_in_vain")
    ]
    query = (
        sa.select(
            *(own.c[name] for name in fields),
            own.c.start_time,
            own.c.updated_at,
            in_vain.label("waits_in_vain"),
        )
        .where(own.c.id > after_id, own.c.state.in_(ALIVE))
        .order_by(own.c.id)
        .limit(limit)
    )
    return [
        Standing(
            **{name: row._mapping[name] for name in fields},
            touched_at=row.updated_at or row.start_time,
            waits_in_vain=bool(row.waits_in_vain),
        )
        for row in tx.execute(query)
    ]
