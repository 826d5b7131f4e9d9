"""The change feed: which providers were touched, in the order in which the rows were written.

Ids are taken when a row is written and seen when its transaction commits, so a reader can see 8 before 7, and never
see a 7 that was rolled back. What is here lets a reader find out, exactly and on each engine, what became of a 7:
SQLite has one writer at a time and leaves no gaps; PostgreSQL tells which transactions are over; on MariaDB, which
does not, the missing id is written by the reader itself (:func:`close_gaps`), so that nobody else can any more.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import timedelta
from functools import cache
from typing import Any

import sqlalchemy as sa
from oslo_db import exception as db_exc

from groundwork.columns import now
from groundwork.database import Transaction
from placement.db.models import provider_changes

# The provider named by rows that close a gap; no provider has this id.
NOBODY = 0

# So many of the newest rows are kept, however old they are: who starts to read looks among them for ids that are
# still missing. Fewer, and a commit that was held up while so many others passed could be overlooked by a process
# that starts just then; more, and it starts later.
WINDOW = 20_000

# Rows removed at once: each is locked until the transaction ends.
_TRIMMED_AT_ONCE = 10_000

_OWN = provider_changes.c


def record(tx: Transaction, provider_ids: Iterable[int]) -> None:
    """Append each provider once; every transaction that changes what readers can see of a provider does this.

    It is the last thing before the commit, so that ids are missing for as short as possible.

    :raises oslo_db.exception.DBDeadlock: a reader took this writer for dead and closed its gap; a fresh transaction
        takes a fresh id.
    """
    rows = [{"resource_provider_id": one, "changed_at": now()} for one in sorted(set(provider_ids))]
    if not rows:
        return
    try:
        tx.execute(_insert(), rows)
    except db_exc.DBDuplicateEntry as exc:
        raise db_exc.DBDeadlock(exc.inner_exception) from exc


def newest(tx: Transaction) -> int:
    """The id of the newest row that is committed; 0 when there is none."""
    return int(tx.execute(_newest()).scalar_one() or 0)


def oldest(tx: Transaction) -> int | None:
    """The id of the oldest row that is left; None when there is none."""
    found: int | None = tx.execute(_oldest()).scalar_one()
    return found


def since(tx: Transaction, first_id: int, others: Collection[int]) -> list[tuple[int, int]]:
    """Id and provider of all rows from ``first_id`` on, that one included, and of those with other ids."""
    if others:
        rows: Iterable[Any] = tx.execute(_since(True), {"first": first_id, "others": list(others)})
    else:
        rows = tx.execute(_since(False), {"first": first_id})
    return [(row[0], row[1]) for row in rows]


def leaves_gaps(tx: Transaction) -> bool:
    """Whether an id can be missing that is seen later."""
    return tx.dialect != "sqlite"


def horizon(tx: Transaction) -> tuple[int, int] | None:
    """(every transaction below this number is over, no transaction from this number on has begun); None: not told."""
    if tx.dialect != "postgresql":
        return None
    row: Any = tx.execute(
        sa.text(
            "SELECT txid_snapshot_xmin(s), txid_snapshot_xmax(s) FROM txid_current_snapshot() s"
        )
    ).one()
    return int(row[0]), int(row[1])


def close_gaps(tx: Transaction, ids: Collection[int]) -> None:
    """Write the rows that are missing, so that each of these ids is there for good, or fail.

    A row that somebody has written and not yet committed is locked by its writer; a writer that has taken its id and
    not written it yet (some microseconds) finds it taken and starts anew.

    :raises oslo_db.exception.DBError: one of the writers is still there; nothing is closed.
    """
    wanted = sa.select(_OWN.id).where(_OWN.id.in_(sorted(ids))).with_for_update(nowait=True)
    present = set(tx.execute(wanted).scalars())
    rows = [
        {"id": one, "resource_provider_id": NOBODY, "changed_at": now()}
        for one in sorted(set(ids) - present)
    ]
    if rows:
        tx.execute(sa.insert(provider_changes), rows)


def trim(tx: Transaction, *, older_than: timedelta) -> int:
    """Forget some of the rows that every reader has seen long ago, oldest first; the number forgotten.

    A reader that was away for longer has to load everything anew, which it does anyway when it starts.
    """
    first = oldest(tx)
    if first is None:
        return 0
    before = now() - older_than
    aged = tx.execute(sa.select(sa.func.max(_OWN.id)).where(_OWN.changed_at < before)).scalar_one()
    last = min(aged or 0, newest(tx) - WINDOW, first + _TRIMMED_AT_ONCE)
    return tx.execute(sa.delete(provider_changes).where(_OWN.id <= last)).rowcount


@cache
def _insert() -> sa.Insert:
    return sa.insert(provider_changes)


@cache
def _newest() -> sa.Select[Any]:
    return sa.select(sa.func.max(_OWN.id))


@cache
def _oldest() -> sa.Select[Any]:
    return sa.select(sa.func.min(_OWN.id))


@cache
def _since(with_others: bool) -> sa.Select[Any]:
    wanted = _OWN.id >= sa.bindparam("first")
    if with_others:
        wanted = sa.or_(wanted, _OWN.id.in_(sa.bindparam("others", expanding=True)))
    return sa.select(_OWN.id, _OWN.resource_provider_id).where(wanted)
