"""Pages of servers: one cell's share of a list, sorted, filtered and cut by the database.

Keyset paging: a page begins after a position (the sort values and uuid of a row), so its cost does not grow with its
depth. Order must be the same in every cell and in Python, where pages are merged: NULLs come first going up, and text
compares by code point whatever the database's collation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache, partial
from typing import Any

import msgspec
import sqlalchemy as sa
from oslo_db import exception as db_exc

from groundwork.columns import Json, UtcTime
from groundwork.database import Transaction
from groundwork.errors import Invalid
from nova.db.cell import faults, servers
from nova.db.cell.faults import Fault
from nova.db.cell.models import instances, tags
from nova.domain.flavor import Flavor
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


@dataclass(frozen=True, slots=True)
class Sort:
    """One sort key with its direction."""

    key: str
    is_descending: bool


@dataclass(frozen=True, slots=True)
class States:
    """Servers in one vm_state with one of these task_states (None: any)."""

    vm_state: str
    task_states: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class TagFilter:
    """The four tag filters; empty tuples do not count."""

    all_of: tuple[str, ...] = ()
    any_of: tuple[str, ...] = ()
    not_all_of: tuple[str, ...] = ()
    not_any_of: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ServerQuery:
    """What a list asks of every cell."""

    sort: tuple[Sort, ...]
    limit: int
    #: Column name -> accepted values.
    equals: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    #: Column name -> regular expressions, of which one must be found in the value.
    matches: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    states: tuple[States, ...] | None = None
    tags: TagFilter = TagFilter()
    is_locked: bool | None = None
    #: True: deleted ones only; None: both.
    is_deleted: bool | None = False
    changes_since: datetime | None = None
    changes_before: datetime | None = None
    #: Sort values and uuid of the row after which the page begins.
    after: tuple[Any, ...] | None = None


@dataclass(frozen=True, slots=True)
class ServerRow:
    """A server of a page, with its newest fault (only looked up for servers in ERROR or deleted ones)."""

    server: Server
    fault: Fault | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A row of a cell's page. Most of what cells find is cut off when pages are merged, so it is opened late."""

    position: tuple[Any, ...]
    open: Callable[[], ServerRow]

    @property
    def uuid(self) -> str:
        """The server's."""
        return str(self.position[-1])


def page(tx: Transaction, query: ServerQuery) -> Sequence[Found]:
    """This cell's rows of the page, in order; at most ``query.limit``.

    :raises Invalid: this database's regular expressions do not have something in the query's.
    """
    statement = (
        sa.select(*_COLUMNS)
        .where(*_conditions(tx, query))
        .order_by(*_order(tx, query.sort))
        .limit(query.limit)
    )
    try:
        rows = tx.execute(statement).all()
    except (db_exc.DBError, sa.exc.DBAPIError) as exc:
        if query.matches and _is_about_pattern(exc):
            raise Invalid("A regular expression in the filters cannot be used.") from exc
        raise
    tags_of = servers.tags_of(tx, [row.uuid for row in rows])
    faults_of = faults.latest(
        tx, [row.uuid for row in rows if row.vm_state == "error" or row.deleted]
    )
    values_of = _position_reader(query.sort)
    return [
        Found(
            position=values_of(row),
            open=partial(_open, row, tags_of.get(row.uuid, ()), faults_of.get(row.uuid)),
        )
        for row in rows
    ]


# Documents come as the text that they are, to be read only for servers that are shown.
_COLUMNS = (
    *(
        sa.type_coerce(column, sa.Text).label(column.name)
        if isinstance(column.type, Json)
        else column
        for column in servers.COLUMNS
    ),
    instances.c.flavorid,
)
_NAMES = tuple(column.name for column in servers.COLUMNS)
_DOCUMENTS = tuple(column.name for column in servers.COLUMNS if isinstance(column.type, Json))


def _open(row: sa.Row[Any], server_tags: Sequence[str], fault: Fault | None) -> ServerRow:
    values = dict(zip(_NAMES, row, strict=False))
    for name in _DOCUMENTS:
        text = values[name]
        if name == "flavor":
            values[name] = _flavor(text)
        elif text is not None:
            values[name] = msgspec.json.decode(text)
    values["image_properties"] = values["image_properties"] or {}
    values["security_groups"] = tuple(values["security_groups"])
    if values["trusted_certs"] is not None:
        values["trusted_certs"] = tuple(values["trusted_certs"])
    return ServerRow(Server(tags=tuple(server_tags), **values), fault)


@lru_cache(maxsize=1024)
def _flavor(text: str) -> Flavor:
    """Servers of one flavor hold the same copy of it, so few different texts come by."""
    return msgspec.json.decode(text, type=Flavor)


def _position_reader(sort: Sequence[Sort]) -> Callable[[sa.Row[Any]], tuple[Any, ...]]:
    """Reads from a row what :func:`position` reads from a server."""
    names = {"instance_type_id": "flavorid", "locked": "locked_by"}
    places = [_COLUMN_PLACES[names.get(each.key, each.key)] for each in sort]
    locks = [at for at, each in enumerate(sort) if each.key == "locked"]
    uuid = _COLUMN_PLACES["uuid"]

    def read(row: sa.Row[Any]) -> tuple[Any, ...]:
        values = [row[place] for place in places]
        for at in locks:
            values[at] = 0 if values[at] is None else 1
        return (*values, row[uuid])

    return read


_COLUMN_PLACES = {name: place for place, name in enumerate((*_NAMES, "flavorid"))}


def _is_about_pattern(exc: db_exc.DBError | sa.exc.DBAPIError) -> bool:
    refused = exc.inner_exception if isinstance(exc, db_exc.DBError) else exc
    told = str(getattr(refused, "orig", refused)).lower()
    # PostgreSQL; MariaDB before and since 11; SQLite, whose function is ours.
    return any(
        words in told
        for words in (
            "invalid regular expression",
            "regexp",
            "regex error",
            "user-defined function",
        )
    )


def position(server: Server, sort: Sequence[Sort]) -> tuple[Any, ...]:
    """Where a server stands in that order: its sort values and its uuid."""
    return (*(_value(server, each.key) for each in sort), server.uuid)


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

    def order(self, tx: Transaction) -> sa.ColumnElement[Any]:
        # SQLite and MariaDB put NULLs first going up, PostgreSQL last: say it where it can matter.
        if tx.dialect != "postgresql" or not self.is_nullable:
            return self.column.desc() if self.is_descending else self.column.asc()
        if self.is_descending:
            return self.column.desc().nulls_last()
        return self.column.asc().nulls_first()

    def beyond(self, value: Any) -> sa.ColumnElement[bool]:
        """Strictly after ``value`` in the direction of the sort, NULLs being the smallest."""
        if value is None:
            return sa.false() if self.is_descending else self.column.is_not(None)
        if not self.is_descending:
            return self.column > self._bound(value)
        smaller = self.column < self._bound(value)
        return sa.or_(smaller, self.column.is_(None)) if self.is_nullable else smaller

    def same(self, value: Any) -> sa.ColumnElement[bool]:
        return self.column.is_(None) if value is None else self.column == self._bound(value)

    def not_before(self, value: Any) -> sa.ColumnElement[bool]:
        bound = self._bound(value)
        return self.column <= bound if self.is_descending else self.column >= bound

    def _bound(self, value: Any) -> sa.BindParameter[Any]:
        # As a parameter, because SQLAlchemy orders nothing by a bare True or False.
        return sa.literal(value, self.column.type)


def _keys(tx: Transaction, sort: Sequence[Sort]) -> list[_Key]:
    """What to sort by; the uuid makes the order total."""
    keys = [_key(tx, SORT_COLUMNS[each.key], each.is_descending) for each in sort]
    return [*keys, _key(tx, instances.c.uuid, sort[0].is_descending if sort else False)]


def _key(tx: Transaction, column: sa.ColumnElement[Any], is_descending: bool) -> _Key:
    is_nullable = isinstance(column, sa.Column) and bool(column.nullable)
    return _Key(_comparable(tx, column), is_descending, is_nullable)


def _comparable(tx: Transaction, column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    # uuids are lower-case hex: every collation agrees on them, and plain columns can use an index.
    if not isinstance(column.type, sa.String) or column is instances.c.uuid:
        return column
    match tx.dialect:
        case "postgresql":
            return sa.collate(column, "C")
        case "mysql":
            # Bytes of UTF-8 are in the order of code points. Not utf8mb4_bin, to which "a" and "a " are the same.
            return sa.type_coerce(sa.cast(column, sa.BINARY), column.type)
    return column


def _order(tx: Transaction, sort: Sequence[Sort]) -> list[sa.ColumnElement[Any]]:
    return [key.order(tx) for key in _keys(tx, sort)]


def _after(tx: Transaction, query: ServerQuery) -> list[sa.ColumnElement[bool]]:
    """The rows after the position: beyond in the first key, or equal there and beyond in the second, and so on."""
    if query.after is None:
        return []
    keys = _keys(tx, query.sort)
    options = []
    for depth, (key, value) in enumerate(zip(keys, query.after, strict=True)):
        equal = [other.same(known) for other, known in zip(keys[:depth], query.after, strict=False)]
        options.append(sa.and_(*equal, key.beyond(value)))
    conditions = [sa.or_(*options)]
    if query.after[0] is not None and not keys[0].is_nullable:
        # Said once more in a form along which an index is read from the right place.
        conditions.append(keys[0].not_before(query.after[0]))
    return conditions


def _conditions(tx: Transaction, query: ServerQuery) -> list[sa.ColumnElement[bool]]:
    table = instances
    conditions: list[sa.ColumnElement[bool]] = []
    if query.is_deleted is not None:
        conditions.append(table.c.deleted != 0 if query.is_deleted else table.c.deleted == 0)
    for name, values in query.equals.items():
        conditions.append(_is_one_of(tx, table.c[name], values))
    for name, patterns in query.matches.items():
        text = _searchable(tx, table.c[name])
        conditions.append(sa.or_(*(text.regexp_match(pattern) for pattern in patterns)))
    if query.states is not None:
        conditions.append(sa.or_(sa.false(), *(_in_states(states) for states in query.states)))
    if query.is_locked is not None:
        locked = table.c.locked_by.is_not(None)
        conditions.append(locked if query.is_locked else sa.not_(locked))
    if query.changes_since is not None:
        conditions.append(_changed() >= query.changes_since)
    if query.changes_before is not None:
        conditions.append(_changed() <= query.changes_before)
    return [*conditions, *_tagged(tx, query.tags), *_after(tx, query)]


def _is_one_of(
    tx: Transaction, column: sa.ColumnElement[Any], values: Sequence[Any]
) -> sa.ColumnElement[bool]:
    named = [value for value in values if value is not None]
    options: list[sa.ColumnElement[bool]] = [column.is_(None)] if None in values else []
    if named:
        options.append(column.in_(named))
        if tx.dialect == "mysql" and isinstance(column.type, sa.String):
            # The plain comparison uses an index, and may take "A" and "a " for "a".
            options[-1] &= _comparable(tx, column).in_(named)
    return sa.or_(sa.false(), *options)


def _searchable(tx: Transaction, column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """A column for regular expressions, which tell upper case from lower case on every engine."""
    if isinstance(column.type, UtcTime):
        return sa.cast(column, sa.String)
    return sa.collate(column, "utf8mb4_bin") if tx.dialect == "mysql" else column


def _changed() -> sa.ColumnElement[datetime]:
    return sa.func.coalesce(instances.c.updated_at, instances.c.created_at)


def _in_states(states: States) -> sa.ColumnElement[bool]:
    condition = instances.c.vm_state == states.vm_state
    if states.task_states is None:
        return condition
    return sa.and_(condition, instances.c.task_state.in_(states.task_states))


def _tagged(tx: Transaction, wanted: TagFilter) -> list[sa.ColumnElement[bool]]:
    """``tags`` all, ``tags-any`` one, ``not-tags`` not all, ``not-tags-any`` none."""
    conditions = [_has_tag(tx, [tag]) for tag in wanted.all_of]
    if wanted.any_of:
        conditions.append(_has_tag(tx, wanted.any_of))
    if wanted.not_all_of:
        conditions.append(sa.not_(sa.and_(*(_has_tag(tx, [tag]) for tag in wanted.not_all_of))))
    if wanted.not_any_of:
        conditions.append(sa.not_(_has_tag(tx, wanted.not_any_of)))
    return conditions


def _has_tag(tx: Transaction, names: Sequence[str]) -> sa.ColumnElement[bool]:
    return sa.exists().where(
        tags.c.resource_id == instances.c.uuid, _is_one_of(tx, tags.c.tag, names)
    )
