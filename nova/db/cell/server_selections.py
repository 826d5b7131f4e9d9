"""The SQL of pages of servers, put together once for all queries of one shape.

Most lists ask for the same with other values: the servers of some project after some other. To put their SQL together
takes longer than to ask a cell, so it is kept, with places for the values, by what decides on it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from groundwork.database import Transaction
from groundwork.prepared import Prepared
from nova.db.cell.models import instances
from nova.db.cell.packed_servers import packed
from nova.db.cell.server_filters import conditions
from nova.db.cell.server_order import after, order_of, steer
from nova.db.cell.server_query import ServerQuery, Slot, Sort, TagFilter, bound

# Users may sort by any keys in any order; what is asked often is kept.
_MOST_SHAPES = 256

_LIMIT = Slot("limit")
_NO_TAGS = TagFilter()


@dataclass(frozen=True, slots=True)
class Selection:
    """A page's SQL with the values that it is to be asked with."""

    statement: sa.Select[Any] | Prepared
    values: Mapping[str, Any] = field(default_factory=dict)

    def read(self, tx: Transaction) -> Sequence[str]:
        """The packed servers."""
        if isinstance(self.statement, Prepared):
            return self.statement.texts(tx, self.values)
        return tx.execute(self.statement, self.values).scalars().all()


def selection_of(dialect: str, query: ServerQuery) -> Selection:
    """What to ask databases of this kind for a page."""
    shape = _shape_of(query)
    if shape is None:
        return Selection(_statement(dialect, query), {_LIMIT.name: query.limit})
    return Selection(_prepared(dialect, shape), _values_of(query))


@lru_cache
def one(dialect: str, with_deleted: bool, with_host: bool) -> Prepared:
    """What to ask for one server, by ``uuid``."""
    uuid = bound(Slot("uuid"), instances.c.uuid.type)
    statement = packed(dialect, with_hosts=with_host).where(instances.c.uuid == uuid)
    if not with_deleted:
        statement = statement.where(instances.c.deleted == 0)
    return Prepared(statement)


@dataclass(frozen=True, slots=True)
class _Shape:
    """All of a query that decides on its SQL, where only these parts of it are used."""

    sort: tuple[Sort, ...]
    equals: tuple[str, ...]
    is_deleted: bool | None
    with_hosts: bool
    #: Which values of the position are NULL; None where the page is the first.
    after: tuple[bool, ...] | None


def _shape_of(query: ServerQuery) -> _Shape | None:
    """None for a query of another kind: its values decide on its SQL, or few ask for the like of it."""
    if (
        query.matches
        or query.states is not None
        or query.tags != _NO_TAGS
        or query.is_locked is not None
        or query.changes_since is not None
        or query.changes_before is not None
    ):
        return None
    if any(len(values) != 1 or values[0] is None for values in query.equals.values()):
        return None
    return _Shape(
        sort=query.sort,
        equals=tuple(query.equals),
        is_deleted=query.is_deleted,
        with_hosts=query.with_hosts,
        after=None if query.after is None else tuple(value is None for value in query.after),
    )


def _values_of(query: ServerQuery) -> Mapping[str, Any]:
    """The values of a query that has a shape, by the names of their slots."""
    values = {_equals(name).name: value for name, [value] in query.equals.items()}
    for number, value in enumerate(query.after or ()):
        values[_after(number).name] = value
    values[_LIMIT.name] = query.limit
    return values


@lru_cache(maxsize=_MOST_SHAPES)
def _prepared(dialect: str, shape: _Shape) -> Prepared:
    template = ServerQuery(
        sort=shape.sort,
        limit=0,
        equals={name: (_equals(name),) for name in shape.equals},
        is_deleted=shape.is_deleted,
        with_hosts=shape.with_hosts,
        after=None
        if shape.after is None
        else tuple(None if is_null else _after(n) for n, is_null in enumerate(shape.after)),
    )
    return Prepared(_statement(dialect, template))


def _equals(name: str) -> Slot:
    return Slot(f"equals_{name}")


def _after(number: int) -> Slot:
    return Slot(f"after_{number}")


def _statement(dialect: str, query: ServerQuery) -> sa.Select[Any]:
    """With a slot for the limit in any case."""
    return steer(
        packed(dialect, with_hosts=query.with_hosts)
        .where(*conditions(dialect, query), *after(dialect, query))
        .order_by(*order_of(dialect, query.sort))
        .limit(bound(_LIMIT, sa.Integer())),
        query,
    )
