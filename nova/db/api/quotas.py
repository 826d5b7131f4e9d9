"""Limits that differ from the configured defaults, and the lock that makes check and insert one thing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from oslo_db import exception as db_exc

from groundwork.database import Database, Transaction
from nova.db.api.models import quota_classes, quota_locks, quotas


def lock(tx: Transaction, holder: str) -> bool:
    """Hold the quota of a project or user until this transaction ends; False when it has no lock row yet.

    The row is updated, not only read: an UPDATE takes the row's lock on every database.
    """
    table = quota_locks
    return (
        tx.execute(
            sa.update(table).where(table.c.holder == holder).values(uses=table.c.uses + 1)
        ).rowcount
        == 1
    )


def has_lock(tx: Transaction, holder: str) -> bool:
    """Whether the lock row is there; once it is, it stays."""
    table = quota_locks
    return tx.execute(sa.select(table.c.holder).where(table.c.holder == holder)).first() is not None


def make_lock(database: Database, holder: str) -> None:
    """Make sure that the lock row is there, in a transaction of its own."""
    try:
        with database.write() as tx:
            tx.execute(sa.insert(quota_locks).values(holder=holder, uses=0))
    except db_exc.DBDuplicateEntry:
        # Somebody else made it a moment ago: just as good.
        return


def class_limits(tx: Transaction, class_name: str) -> Mapping[str, int]:
    """Limits set for a quota class, by resource."""
    table = quota_classes
    rows = tx.execute(
        sa.select(table.c.resource, table.c.hard_limit).where(table.c.class_name == class_name)
    )
    return {row.resource: row.hard_limit for row in rows}


def project_limits(tx: Transaction, project_id: str, user_id: str = "") -> Mapping[str, int]:
    """Limits set for a project, or for one user in it, by resource."""
    table = quotas
    rows = tx.execute(
        sa.select(table.c.resource, table.c.hard_limit).where(
            table.c.project_id == project_id, table.c.user_id == user_id
        )
    )
    return {row.resource: row.hard_limit for row in rows}


def limits_of_projects(
    tx: Transaction, project_id: str | None = None
) -> Mapping[str, Mapping[str, int]]:
    """The limits set for projects (for one of them, or for all), by project and resource; those of users left out."""
    table = quotas
    query = (
        sa.select(table.c.project_id, table.c.resource, table.c.hard_limit)
        .where(table.c.user_id == "")
        .order_by(table.c.project_id, table.c.resource)
    )
    if project_id is not None:
        query = query.where(table.c.project_id == project_id)
    found: dict[str, dict[str, int]] = {}
    for row in tx.execute(query):
        found.setdefault(row.project_id, {})[row.resource] = row.hard_limit
    return found


def count_users(tx: Transaction, project_id: str | None = None) -> int:
    """How many users have limits of their own, in one project or in all; in two projects a user counts twice."""
    table = quotas
    query = sa.select(table.c.project_id, table.c.user_id).where(table.c.user_id != "").distinct()
    if project_id is not None:
        query = query.where(table.c.project_id == project_id)
    return int(tx.execute(sa.select(sa.func.count()).select_from(query.subquery())).scalar_one())


def set_class_limits(tx: Transaction, class_name: str, limits: Mapping[str, int]) -> None:
    """Set limits of a quota class; those not named stay. The caller holds the lock of the class."""
    _set(tx, quota_classes, {"class_name": class_name}, limits)


def set_project_limits(
    tx: Transaction, project_id: str, limits: Mapping[str, int], user_id: str = ""
) -> None:
    """Set limits of a project, or of one user in it; those not named stay. The caller holds the project's lock."""
    _set(tx, quotas, {"project_id": project_id, "user_id": user_id}, limits)


def drop_project_limits(tx: Transaction, project_id: str, user_id: str | None = None) -> None:
    """Take back what was set for one user in a project, or for the project and all of its users."""
    table = quotas
    statement = sa.delete(table).where(table.c.project_id == project_id)
    if user_id is not None:
        statement = statement.where(table.c.user_id == user_id)
    tx.execute(statement)


def _set(
    tx: Transaction, table: sa.Table, holder: Mapping[str, Any], limits: Mapping[str, int]
) -> None:
    for resource, limit in limits.items():
        key = {**holder, "resource": resource}
        changed = tx.execute(
            sa.update(table)
            .where(*(table.c[name] == value for name, value in key.items()))
            .values(hard_limit=limit)
        ).rowcount
        if not changed:
            tx.execute(sa.insert(table).values(**key, hard_limit=limit))
