"""Deleted servers moved out of the way: their rows go to shadow tables, and from there, some day, to nowhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from groundwork.database import Transaction
from nova.db.cell.models import METADATA, SHADOWS, instance_actions, instances
from nova.db.journal import ALIVE

# How each table names the server whose rows it has; events name their action only.
_OWNER_COLUMNS = ("instance_uuid", "resource_id")


def deleted_servers(
    tx: Transaction, *, before: datetime | None = None, at_most: int
) -> Sequence[str]:
    """The deleted servers that may be archived, longest deleted first.

    Servers with an operation that has not ended are left out: whoever works on it still needs its rows.

    :param before: only those deleted before that time.
    """
    own = instances.c
    unfinished = sa.exists().where(
        instance_actions.c.instance_uuid == own.uuid, instance_actions.c.state.in_(ALIVE)
    )
    query = sa.select(own.uuid).where(own.deleted != 0, ~unfinished)
    if before is not None:
        query = query.where(own.deleted_at < before)
    return tx.execute(query.order_by(own.deleted_at, own.id).limit(at_most)).scalars().all()


def count_rows(tx: Transaction, uuids: Sequence[str]) -> Mapping[str, int]:
    """How many rows each of these servers has in this database."""
    counts = dict.fromkeys(uuids, 0)
    for name in SHADOWS:
        owner, source = _owner(METADATA.tables[name])
        found: Any = tx.execute(
            sa.select(owner, sa.func.count())
            .select_from(source)
            .where(owner.in_(uuids))
            .group_by(owner)
        )
        for uuid, rows in found:
            counts[uuid] += rows
    return counts


def move(tx: Transaction, uuids: Sequence[str]) -> Mapping[str, int]:
    """Move all rows of these servers to the shadow tables; how many, by table.

    Servers that somebody else has moved since, or that are not deleted, are left out.
    """
    # Locked, or two runs at the same time would both copy them.
    gone = list(
        tx.execute(
            sa.select(instances.c.uuid)
            .where(instances.c.uuid.in_(uuids), instances.c.deleted != 0)
            .with_for_update()
        ).scalars()
    )
    return {name: _move(tx, METADATA.tables[name], gone) for name in SHADOWS} if gone else {}


def _move(tx: Transaction, table: sa.Table, uuids: Sequence[str]) -> int:
    owner, source = _owner(table)
    rows = sa.select(owner, *table.columns).select_from(source).where(owner.in_(uuids))
    names = ["server_uuid", *(column.name for column in table.columns)]
    tx.execute(sa.insert(SHADOWS[table.name]).from_select(names, rows))
    return tx.execute(sa.delete(table).where(_belongs(table, uuids))).rowcount


def _owner(table: sa.Table) -> tuple[sa.ColumnElement[str], sa.FromClause]:
    """The column that tells the server of a row, and what to select from to have it."""
    if table is instances:
        return table.c.uuid, table
    for name in _OWNER_COLUMNS:
        if name in table.c:
            return table.c[name], table
    return instance_actions.c.instance_uuid, table.join(
        instance_actions, table.c.action_id == instance_actions.c.id
    )


def _belongs(table: sa.Table, uuids: Sequence[str]) -> sa.ColumnElement[bool]:
    owner, source = _owner(table)
    if source is table:
        return owner.in_(uuids)
    actions = sa.select(instance_actions.c.id).where(owner.in_(uuids))
    return table.c.action_id.in_(actions)


def purge(tx: Transaction, *, before: datetime | None = None, at_most: int) -> Mapping[str, int]:
    """Remove archived servers for ever; how many rows, by shadow table. Empty when there are none (left).

    :param before: only servers deleted before that time.
    :param at_most: servers, not rows.
    """
    archived = SHADOWS[instances.name].c
    query = sa.select(archived.server_uuid).limit(at_most)
    if before is not None:
        query = query.where(archived.deleted_at < before)
    uuids = tx.execute(query).scalars().all()
    if not uuids:
        return {}
    return {
        shadow.name: tx.execute(sa.delete(shadow).where(shadow.c.server_uuid.in_(uuids))).rowcount
        for shadow in SHADOWS.values()
    }
