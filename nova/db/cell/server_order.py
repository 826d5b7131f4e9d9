"""The order of a list of servers, the same in every database and in Python, where pages are merged.

NULLs come first going up, and text compares by code point whatever the database's collation. A page begins after a
position (the sort values and uuid of a row), so its cost does not grow with its depth.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from groundwork.database import Transaction
from groundwork.prepared import Prepared
from nova.db.cell.models import instances
from nova.db.cell.server_query import ServerQuery, Sort, bound
from nova.domain.server import Server

#: Sort keys of the API -> columns. ``locked`` sorts servers by whether somebody locked them.
SORT_COLUMNS: Mapping[str, sa.ColumnElement[Any]] = {
    name: instances.c[name]
    for name in (
        "access_ip_v4 access_ip_v6 auto_disk_config availability_zone config_drive created_at "
        "display_description display_name host hostname image_ref kernel_id key_name launch_index "
        "launched_at locked_by node power_state progress project_id ramdisk_id root_device_name "
        "task_state terminated_at updated_at user_id uuid vm_state"
    ).split()
} | {
    "instance_type_id": instances.c.flavorid,
    "locked": sa.case((instances.c.locked_by.is_(None), 0), else_=1),
}


def position(server: Server, sort: Sequence[Sort]) -> tuple[Any, ...]:
    """Where a server stands in that order: its sort values and its uuid."""
    return (*(_value(server, each.key) for each in sort), server.uuid)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a server stands in an order, and whose it is."""

    project_id: str
    position: tuple[Any, ...]


def find_place(tx: Transaction, uuid: str, sort: Sequence[Sort]) -> Place | None:
    """The place of a server, deleted ones too; None when it is not here.

    Only what the order is made of is read: to write a whole server as a page does takes the database half as long as
    to write the page.
    """
    place = _place(tuple(each.key for each in sort))
    found = place.execute(tx, {"server_uuid": uuid}).first()
    return None if found is None else Place(found[0], tuple(found[1:]))


@lru_cache(maxsize=64)
def _place(keys: tuple[str, ...]) -> Prepared:
    columns = (SORT_COLUMNS[key].label(f"key{number}") for number, key in enumerate(keys))
    return Prepared(
        sa.select(instances.c.project_id, *columns, instances.c.uuid).where(
            instances.c.uuid == sa.bindparam("server_uuid")
        )
    )


def _value(server: Server, key: str) -> Any:
    if key == "instance_type_id":
        return server.flavor.flavorid
    if key == "locked":
        return 0 if server.locked_by is None else 1
    return getattr(server, key)


@dataclass(frozen=True, slots=True)
class _Key:
    """One part of the order, in a form that every engine compares alike."""

    column: sa.ColumnElement[Any]
    is_descending: bool
    is_nullable: bool

    def order(self, dialect: str) -> sa.ColumnElement[Any]:
        # SQLite and MariaDB put NULLs first going up, PostgreSQL last: say it where it can matter.
        if dialect != "postgresql" or not self.is_nullable:
            return self.column.desc() if self.is_descending else self.column.asc()
        if self.is_descending:
            return self.column.desc().nulls_last()
        return self.column.asc().nulls_first()

    def beyond(self, value: Any) -> sa.ColumnElement[bool]:
        """Strictly after ``value`` in the direction of the sort, NULLs being the smallest."""
        if value is None:
            return sa.false() if self.is_descending else self.column.is_not(None)
        if not self.is_descending:
            return self.column > bound(value, self.column.type)
        smaller = self.column < bound(value, self.column.type)
        return sa.or_(smaller, self.column.is_(None)) if self.is_nullable else smaller

    def same(self, value: Any) -> sa.ColumnElement[bool]:
        return (
            self.column.is_(None)
            if value is None
            else self.column == bound(value, self.column.type)
        )

    def not_before(self, value: Any) -> sa.ColumnElement[bool]:
        limit = bound(value, self.column.type)
        return self.column <= limit if self.is_descending else self.column >= limit


def _keys(dialect: str, sort: Sequence[Sort]) -> list[_Key]:
    """What to sort by; the uuid makes the order total."""
    keys = [_key(dialect, SORT_COLUMNS[each.key], each.is_descending) for each in sort]
    return [*keys, _key(dialect, instances.c.uuid, sort[0].is_descending if sort else False)]


def _key(dialect: str, column: sa.ColumnElement[Any], is_descending: bool) -> _Key:
    is_nullable = isinstance(column, sa.Column) and bool(column.nullable)
    return _Key(comparable(dialect, column), is_descending, is_nullable)


def comparable(dialect: str, column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """The column in a form that compares by code point on every engine."""
    # uuids are lower-case hex: every collation agrees on them, and plain columns can use an index.
    if not isinstance(column.type, sa.String) or column is instances.c.uuid:
        return column
    match dialect:
        case "postgresql":
            return sa.collate(column, "C")
        case "mysql":
            # Bytes of UTF-8 are in the order of code points. Not utf8mb4_bin, to which "a" and "a " are the same.
            return sa.type_coerce(sa.cast(column, sa.BINARY), column.type)
    return column


def order_of(dialect: str, sort: Sequence[Sort]) -> list[sa.ColumnElement[Any]]:
    """What to order a page by."""
    return [key.order(dialect) for key in _keys(dialect, sort)]


def after(dialect: str, query: ServerQuery) -> list[sa.ColumnElement[bool]]:
    """The rows after the position: beyond in the first key, or equal there and beyond in the second, and so on."""
    if query.after is None:
        return []
    keys = _keys(dialect, query.sort)
    options = []
    for depth, (key, value) in enumerate(zip(keys, query.after, strict=True)):
        equal = [other.same(known) for other, known in zip(keys[:depth], query.after, strict=False)]
        options.append(sa.and_(*equal, key.beyond(value)))
    conditions = [sa.or_(*options)]
    if query.after[0] is not None and not keys[0].is_nullable:
        # Said once more in a form along which an index is read from the right place.
        conditions.append(keys[0].not_before(query.after[0]))
    return conditions


def steer(statement: sa.Select[Any], query: ServerQuery) -> sa.Select[Any]:
    """The statement with the index named that MariaDB shall read it along, where it would choose another one.

    It takes "all that live" for as good a beginning as "from this position on", and then reads a page from the first
    server in place of the position. Only the order is bound to the index: a filter that is better served by another
    one (``uuid``, ``host``) still is.
    """
    if [each.key for each in query.sort] != ["created_at"] or query.is_deleted is None:
        return statement
    index = (
        "instances_project_created_idx"
        if len(query.equals.get("project_id", ())) == 1
        else "instances_deleted_created_idx"
    )
    return statement.with_hint(instances, f"USE INDEX FOR ORDER BY ({index})", "mysql")
