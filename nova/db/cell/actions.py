"""The journal of operations as the API shows it: instance actions and their events. Reading only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from groundwork.database import Transaction
from groundwork.errors import Invalid
from nova.db.cell.models import instance_actions, instance_actions_events


@dataclass(frozen=True, slots=True)
class ActionRow:
    """One operation on a server, ended or not; ``message`` is None unless it failed."""

    id: int
    action: str
    instance_uuid: str
    request_id: str
    user_id: str | None
    project_id: str | None
    start_time: datetime
    finish_time: datetime | None
    updated_at: datetime | None
    message: str | None


@dataclass(frozen=True, slots=True)
class EventRow:
    """One run of one step; ``result`` and ``finish_time`` are None while it runs."""

    event: str
    start_time: datetime
    finish_time: datetime | None
    result: str | None
    traceback: str | None
    host: str | None
    details: str | None


@dataclass(frozen=True, slots=True)
class Journal:
    """The pair of tables that holds it: a cell's, or the API database's for servers that have no cell yet."""

    actions: sa.Table
    events: sa.Table


@dataclass(frozen=True, slots=True)
class ActionQuery:
    """A page of the actions of a server. ``marker`` is the request id of the last action seen.

    Both bounds of the time of the last change are inclusive.
    """

    limit: int | None = None
    marker: str | None = None
    changes_since: datetime | None = None
    changes_before: datetime | None = None


CELL = Journal(instance_actions, instance_actions_events)


def page(
    tx: Transaction, server_uuid: str, query: ActionQuery, *, journal: Journal = CELL
) -> tuple[ActionRow, ...]:
    """Actions of the server, newest first.

    :raises Invalid: the marker names no action of this server.
    """
    own = journal.actions.c
    statement = (
        _select(journal)
        .where(own.instance_uuid == server_uuid)
        .order_by(own.start_time.desc(), own.id.desc())
    )
    # An action that has not changed since it began was last changed then.
    changed_at = sa.func.coalesce(own.updated_at, own.start_time, type_=own.start_time.type)
    if query.changes_since is not None:
        statement = statement.where(changed_at >= query.changes_since)
    if query.changes_before is not None:
        statement = statement.where(changed_at <= query.changes_before)
    if query.marker is not None:
        last = _oldest(tx, server_uuid, query.marker, journal)
        if last is None:
            raise Invalid(f"marker [{query.marker}] not found")
        statement = statement.where(
            sa.or_(
                own.start_time < last.start_time,
                sa.and_(own.start_time == last.start_time, own.id < last.id),
            )
        )
    if query.limit is not None:
        statement = statement.limit(query.limit)
    return tuple(_action(row) for row in tx.execute(statement))


def find(
    tx: Transaction, server_uuid: str, request_id: str, *, journal: Journal = CELL
) -> ActionRow | None:
    """What the request did to the server; the last thing, should it have done several."""
    own = journal.actions.c
    found = tx.execute(
        _select(journal)
        .where(own.instance_uuid == server_uuid, own.request_id == request_id)
        .order_by(own.id.desc())
        .limit(1)
    ).first()
    return None if found is None else _action(found)


def _oldest(
    tx: Transaction, server_uuid: str, request_id: str, journal: Journal
) -> ActionRow | None:
    """Of several actions of one request the first: from any other a page would begin with the marker again."""
    own = journal.actions.c
    found = tx.execute(
        _select(journal)
        .where(own.instance_uuid == server_uuid, own.request_id == request_id)
        .order_by(own.start_time, own.id)
        .limit(1)
    ).first()
    return None if found is None else _action(found)


def events(tx: Transaction, action_id: int, *, journal: Journal = CELL) -> tuple[EventRow, ...]:
    """The runs of steps of an action, the last begun first."""
    own = journal.events.c
    statement = (
        sa.select(*(own[name] for name in EventRow.__dataclass_fields__))
        .where(own.action_id == action_id)
        .order_by(own.start_time.desc(), own.id.desc())
    )
    rows: Any = tx.execute(statement)
    return tuple(EventRow(*row) for row in rows)


def _select(journal: Journal) -> sa.Select[Any]:
    return sa.select(*(journal.actions.c[name] for name in ActionRow.__dataclass_fields__))


def _action(found: Any) -> ActionRow:
    return ActionRow(*found)
