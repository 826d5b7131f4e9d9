"""The journal's SQL: operations and their events, in a cell (``instance_actions``) or above (``build_requests``).

Every change of an operation is a compare-and-swap on its claim token; callers look at the returned row count.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from groundwork.database import Transaction
from nova.db.api import models as api
from nova.db.cell import models as cell

ALIVE = ("running", "undoing")


@dataclass(frozen=True, slots=True)
class JournalTables:
    """Where the operations of one database are kept."""

    operations: sa.Table
    events: sa.Table


CELL = JournalTables(cell.instance_actions, cell.instance_actions_events)
BUILDS = JournalTables(api.build_requests, api.build_request_events)


def find(tx: Transaction, tables: JournalTables, operation_id: int) -> sa.Row[Any] | None:
    """The operation's row, or None."""
    table = tables.operations
    return tx.execute(sa.select(table).where(table.c.id == operation_id)).first()


def insert(tx: Transaction, tables: JournalTables, values: Mapping[str, Any]) -> int:
    """A new operation; its id."""
    key = tx.execute(sa.insert(tables.operations).values(**values)).inserted_primary_key
    assert key is not None
    return int(key[0])


def swap(
    tx: Transaction,
    tables: JournalTables,
    operation_id: int,
    *,
    claim: str | None,
    values: Mapping[str, Any],
) -> bool:
    """Change the operation if its claim still is ``claim``; False when somebody else has it (or it is gone)."""
    table = tables.operations
    same = table.c.claim.is_(None) if claim is None else table.c.claim == claim
    result = tx.execute(
        sa.update(table)
        .where(table.c.id == operation_id, same, table.c.state.in_(ALIVE))
        .values(**values)
    )
    return result.rowcount == 1


def is_claimed(tx: Transaction, tables: JournalTables, operation_id: int, *, claim: str) -> bool:
    """Whether the operation is still claimed under that token."""
    table = tables.operations
    found = tx.execute(
        sa.select(table.c.id).where(table.c.id == operation_id, table.c.claim == claim)
    ).first()
    return found is not None


def alive_on_server(
    tx: Transaction, tables: JournalTables, server_uuid: str
) -> Sequence[sa.Row[Any]]:
    """The unfinished operations of one server, oldest first."""
    table = tables.operations
    return tx.execute(
        sa.select(table)
        .where(table.c.instance_uuid == server_uuid, table.c.state.in_(ALIVE))
        .order_by(table.c.id)
    ).all()


def request_cancel(tx: Transaction, tables: JournalTables, operation_id: int) -> bool:
    """Ask whoever is at work on the operation to stop after the present step; False when it has ended."""
    table = tables.operations
    result = tx.execute(
        sa.update(table)
        .where(table.c.id == operation_id, table.c.state.in_(ALIVE))
        .values(cancel_requested=True)
    )
    return result.rowcount == 1


def unblock(tx: Transaction, tables: JournalTables, ended_id: int, now: datetime) -> Sequence[int]:
    """Let the operations go that waited for this one; their ids."""
    table = tables.operations
    waiting = (
        tx.execute(sa.select(table.c.id).where(table.c.blocked_by == ended_id)).scalars().all()
    )
    if waiting:
        tx.execute(
            sa.update(table)
            .where(table.c.blocked_by == ended_id)
            .values(blocked_by=None, due_at=now)
        )
    return waiting


def owners(
    tx: Transaction, tables: JournalTables, places: Iterable[str]
) -> Sequence[tuple[str, str]]:
    """Who is at work on unfinished operations at these places: (owner, incarnation), each once."""
    table = tables.operations
    rows = tx.execute(
        sa.select(table.c.owner, table.c.incarnation)
        .where(
            table.c.state.in_(ALIVE), table.c.place.in_(list(places)), table.c.claim.is_not(None)
        )
        .distinct()
    )
    return [(row.owner, row.incarnation) for row in rows]


def release_all(
    tx: Transaction, tables: JournalTables, *, owner: str, incarnation: str, now: datetime
) -> int:
    """Take every claim of a dead owner away, so that others can go on at once; how many there were."""
    table = tables.operations
    return tx.execute(
        sa.update(table)
        .where(
            table.c.state.in_(ALIVE),
            table.c.owner == owner,
            table.c.incarnation == incarnation,
            table.c.claim.is_not(None),
        )
        .values(claim=None, owner=None, incarnation=None, due_at=now)
    ).rowcount


def due(
    tx: Transaction,
    tables: JournalTables,
    *,
    places: Iterable[str],
    now: datetime,
    limit: int,
    host: str | None = None,
) -> Sequence[sa.Row[Any]]:
    """Unclaimed operations at these places whose time has come, oldest first.

    Reads along ``instance_actions_state_idx (state, place, due_at)``.
    """
    table = tables.operations
    query = (
        sa.select(table.c.id, table.c.place, table.c.place_host, table.c.due_at)
        .where(
            table.c.state.in_(ALIVE),
            table.c.place.in_(list(places)),
            table.c.claim.is_(None),
            table.c.blocked_by.is_(None),
            table.c.due_at <= now,
        )
        .order_by(table.c.id)
        .limit(limit)
    )
    if host is not None:
        query = query.where(table.c.place_host == host)
    return tx.execute(query).all()


def postpone(tx: Transaction, tables: JournalTables, ids: Sequence[int], until: datetime) -> None:
    """Do not hint at these again before ``until``."""
    table = tables.operations
    tx.execute(
        sa.update(table)
        .where(table.c.id.in_(list(ids)), table.c.claim.is_(None))
        .values(due_at=until)
    )


def begin_event(tx: Transaction, tables: JournalTables, values: Mapping[str, Any]) -> None:
    """Record that a step begins."""
    tx.execute(sa.insert(tables.events).values(**values))


def end_event(
    tx: Transaction,
    tables: JournalTables,
    *,
    operation_id: int,
    claim: str,
    values: Mapping[str, Any],
) -> None:
    """Record how the step that was begun under ``claim`` ended."""
    table = tables.events
    tx.execute(
        sa.update(table)
        .where(table.c.action_id == operation_id, table.c.claim == claim)
        .values(**values)
    )


def events(tx: Transaction, tables: JournalTables, operation_id: int) -> Sequence[sa.Row[Any]]:
    """The operation's events in the order they began."""
    table = tables.events
    return tx.execute(
        sa.select(table).where(table.c.action_id == operation_id).order_by(table.c.id)
    ).all()
