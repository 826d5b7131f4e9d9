"""The journal of the audit's repairs: what was to be done, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from groundwork.columns import now
from groundwork.database import Transaction
from nova.db.api.models import audit_repairs

# For how long is remembered what was repaired. Longer: the table grows; shorter: who asks what became of something
# finds nothing.
_KEPT = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class RepairRecord:
    """One repair. ``ended_at`` None: it is under way, or whoever was at it died.

    ``check``, ``kind``, ``subject`` and ``cell_uuid`` are the finding's; ``repair`` is all that was seen and is to be
    changed. ``request_id`` is that of the action in the server's own journal, where it has one.
    """

    id: int
    request_id: str
    check: str
    kind: str
    subject: str
    cell_uuid: str | None
    repair: Mapping[str, Any]
    begun_at: datetime
    ended_at: datetime | None = None
    outcome: str | None = None


_COLUMNS = [
    audit_repairs.c.check_name.label("check") if name == "check" else audit_repairs.c[name]
    for name in RepairRecord.__dataclass_fields__
]


def begin(
    tx: Transaction,
    *,
    request_id: str,
    check: str,
    kind: str,
    subject: str,
    cell_uuid: str | None,
    repair: Mapping[str, Any],
) -> int:
    """Write down what is about to be done; the record's number. What is very old is forgotten."""
    begun_at = now()
    tx.execute(sa.delete(audit_repairs).where(audit_repairs.c.begun_at < begun_at - _KEPT))
    made = tx.execute(
        sa.insert(audit_repairs).values(
            request_id=request_id,
            check_name=check,
            kind=kind,
            subject=subject,
            cell_uuid=cell_uuid,
            repair=repair,
            begun_at=begun_at,
        )
    )
    key = made.inserted_primary_key
    assert key is not None
    return int(key[0])


def end(tx: Transaction, record_id: int, outcome: str) -> bool:
    """Write down how it ended; False when that stands there already, or the record is gone."""
    statement = (
        sa.update(audit_repairs)
        .where(audit_repairs.c.id == record_id, audit_repairs.c.ended_at.is_(None))
        .values(ended_at=now(), outcome=outcome)
    )
    return tx.execute(statement).rowcount == 1


def unfinished(tx: Transaction, *, before: datetime) -> Sequence[RepairRecord]:
    """Those that were begun before that moment and have not ended, the oldest first."""
    table = audit_repairs
    query = (
        sa.select(*_COLUMNS)
        .where(table.c.ended_at.is_(None), table.c.begun_at < before)
        .order_by(table.c.id)
    )
    return [RepairRecord(**row._mapping) for row in tx.execute(query)]


def newest(tx: Transaction, limit: int) -> Sequence[RepairRecord]:
    """The last ones, the newest first."""
    query = sa.select(*_COLUMNS).order_by(audit_repairs.c.id.desc()).limit(limit)
    return [RepairRecord(**row._mapping) for row in tx.execute(query)]
