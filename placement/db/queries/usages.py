"""What projects and users hold in sum."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from groundwork.database import Transaction
from placement.db.models import allocations, consumers, resource_classes
from placement.records import Owner


def by_class(tx: Transaction, owner: Owner, *conditions: sa.ColumnElement[bool]) -> dict[str, int]:
    """The sum held, by class."""
    name = resource_classes.c.name
    statement = _of(owner, name, sa.func.sum(allocations.c.used)).where(*conditions).group_by(name)
    rows: Iterable[Any] = tx.execute(statement)
    return {row[0]: int(row[1]) for row in rows}


def by_type_and_class(
    tx: Transaction, owner: Owner, *conditions: sa.ColumnElement[bool]
) -> dict[str | None, dict[str, int]]:
    """The sum held, by type of consumer (None: never told) and class."""
    key = (consumers.c.consumer_type, resource_classes.c.name)
    statement = _of(owner, *key, sa.func.sum(allocations.c.used)).where(*conditions).group_by(*key)
    sums: dict[str | None, dict[str, int]] = {}
    rows: Iterable[Any] = tx.execute(statement)
    for consumer_type, name, used in rows:
        sums.setdefault(consumer_type, {})[name] = int(used)
    return sums


def count_consumers(
    tx: Transaction, owner: Owner, *conditions: sa.ColumnElement[bool]
) -> dict[str | None, int]:
    """How many consumers hold something, by type."""
    kind = consumers.c.consumer_type
    statement = sa.select(kind, sa.func.count()).where(_owned_by(owner), *conditions).group_by(kind)
    rows: Iterable[Any] = tx.execute(statement)
    return {row[0]: int(row[1]) for row in rows}


def of_type(consumer_type: str | None) -> sa.ColumnElement[bool]:
    """The condition that a consumer is of this type (None: never told)."""
    kind = consumers.c.consumer_type
    return kind.is_(None) if consumer_type is None else kind == consumer_type


def _of(owner: Owner, *columns: Any) -> sa.Select[Any]:
    return (
        sa.select(*columns)
        .select_from(consumers)
        .join(allocations, allocations.c.consumer_id == consumers.c.id)
        .join(resource_classes, resource_classes.c.id == allocations.c.resource_class_id)
        .where(_owned_by(owner))
    )


def _owned_by(owner: Owner) -> sa.ColumnElement[bool]:
    project = consumers.c.project_id == owner.project_id
    return (
        project if owner.user_id is None else sa.and_(project, consumers.c.user_id == owner.user_id)
    )
