"""Which servers a list selects, in SQL that means the same on every engine."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from groundwork.columns import UtcTime
from nova.db.cell.models import instances, tags
from nova.db.cell.server_order import comparable
from nova.db.cell.server_query import ServerQuery, States, TagFilter, bound


def conditions(dialect: str, query: ServerQuery) -> list[sa.ColumnElement[bool]]:
    """What a row must fulfil to be selected, wherever the page begins."""
    table = instances
    found: list[sa.ColumnElement[bool]] = []
    if query.is_deleted is not None:
        found.append(table.c.deleted != 0 if query.is_deleted else table.c.deleted == 0)
    for name, values in query.equals.items():
        found.append(_is_one_of(dialect, table.c[name], values))
    for name, patterns in query.matches.items():
        text = _searchable(dialect, table.c[name])
        found.append(sa.or_(*(text.regexp_match(pattern) for pattern in patterns)))
    if query.states is not None:
        found.append(sa.or_(sa.false(), *(_in_states(states) for states in query.states)))
    if query.is_locked is not None:
        locked = table.c.locked_by.is_not(None)
        found.append(locked if query.is_locked else sa.not_(locked))
    if query.changes_since is not None:
        found.append(_changed() >= query.changes_since)
    if query.changes_before is not None:
        found.append(_changed() <= query.changes_before)
    return [*found, *_tagged(dialect, query.tags)]


def _is_one_of(
    dialect: str, column: sa.ColumnElement[Any], values: Sequence[Any]
) -> sa.ColumnElement[bool]:
    named = [value for value in values if value is not None]
    options: list[sa.ColumnElement[bool]] = [column.is_(None)] if None in values else []
    if named:
        options.append(_is_any_of(column, named))
        if dialect == "mysql" and isinstance(column.type, sa.String):
            # The plain comparison uses an index, and may take "A" and "a " for "a".
            options[-1] &= _is_any_of(comparable(dialect, column), named)
    return options[0] if len(options) == 1 else sa.or_(sa.false(), *options)


def _is_any_of(column: sa.ColumnElement[Any], values: Sequence[Any]) -> sa.ColumnElement[bool]:
    # SQLAlchemy writes the SQL of an IN anew for every cell that is asked, which takes a sixth of the question.
    if len(values) == 1:
        return column == bound(values[0], column.type)
    return column.in_(values)


def _searchable(dialect: str, column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """A column for regular expressions, which tell upper case from lower case on every engine."""
    if isinstance(column.type, UtcTime):
        return sa.cast(column, sa.String)
    return sa.collate(column, "utf8mb4_bin") if dialect == "mysql" else column


def _changed() -> sa.ColumnElement[datetime]:
    return sa.func.coalesce(instances.c.updated_at, instances.c.created_at)


def _in_states(states: States) -> sa.ColumnElement[bool]:
    condition = instances.c.vm_state == states.vm_state
    if states.task_states is None:
        return condition
    return sa.and_(condition, instances.c.task_state.in_(states.task_states))


def _tagged(dialect: str, wanted: TagFilter) -> list[sa.ColumnElement[bool]]:
    """``tags`` all, ``tags-any`` one, ``not-tags`` not all, ``not-tags-any`` none."""
    found = [_has_tag(dialect, [tag]) for tag in wanted.all_of]
    if wanted.any_of:
        found.append(_has_tag(dialect, wanted.any_of))
    if wanted.not_all_of:
        found.append(sa.not_(sa.and_(*(_has_tag(dialect, [tag]) for tag in wanted.not_all_of))))
    if wanted.not_any_of:
        found.append(sa.not_(_has_tag(dialect, wanted.not_any_of)))
    return found


def _has_tag(dialect: str, names: Sequence[str]) -> sa.ColumnElement[bool]:
    return sa.exists().where(
        tags.c.resource_id == instances.c.uuid, _is_one_of(dialect, tags.c.tag, names)
    )
