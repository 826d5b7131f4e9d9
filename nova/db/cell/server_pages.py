"""Pages of servers: one cell's share of a list, sorted, filtered and cut by the database."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC
from functools import lru_cache, partial
from operator import itemgetter
from typing import Any

import msgspec
import sqlalchemy as sa
from oslo_db import exception as db_exc

from groundwork.columns import Json, UtcTime
from groundwork.database import Transaction
from groundwork.errors import Invalid
from nova.db.cell import faults, servers
from nova.db.cell.faults import Fault
from nova.db.cell.models import instances
from nova.db.cell.server_filters import conditions
from nova.db.cell.server_order import after, order_of
from nova.db.cell.server_query import ServerQuery, Sort
from nova.domain.flavor import Flavor
from nova.domain.server import Server


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
    return PageReader(query).read(tx)


class PageReader:
    """One query that many cells are asked. Its SQL is put together once for all databases of a kind. Thread safe."""

    def __init__(self, query: ServerQuery) -> None:
        self._query = query
        self._statements: dict[str, sa.Select[Any]] = {}
        self._position_of = _position_reader(query.sort)

    def read(self, tx: Transaction) -> Sequence[Found]:
        """As :func:`page`."""
        statement = self._statements.get(tx.dialect)
        if statement is None:
            statement = self._statements[tx.dialect] = _statement(tx, self._query)
        return _read(tx, self._query, statement, self._position_of)


def _statement(tx: Transaction, query: ServerQuery) -> sa.Select[Any]:
    return (
        sa.select(*_COLUMNS)
        .where(*conditions(tx, query), *after(tx, query))
        .order_by(*order_of(tx, query.sort))
        .limit(query.limit)
    )


def _read(
    tx: Transaction,
    query: ServerQuery,
    statement: sa.Select[Any],
    position_of: Callable[[sa.Row[Any]], tuple[Any, ...]],
) -> Sequence[Found]:
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
    return [
        Found(
            position=position_of(row),
            open=partial(_open, row, tags_of.get(row.uuid, ()), faults_of.get(row.uuid)),
        )
        for row in rows
    ]


def _plain(column: sa.Column[Any]) -> sa.ColumnElement[Any]:
    """Documents as the text that they are, times without a zone: to be read only for servers that are shown."""
    if isinstance(column.type, Json):
        return sa.type_coerce(column, sa.Text).label(column.name)
    if isinstance(column.type, UtcTime):
        return sa.type_coerce(column, sa.DateTime).label(column.name)
    return column


_COLUMNS = (*(_plain(column) for column in servers.COLUMNS), instances.c.flavorid)
_NAMES = tuple(column.name for column in servers.COLUMNS)
_PLACES = {name: place for place, name in enumerate((*_NAMES, "flavorid"))}
_DOCUMENTS = tuple(
    column.name
    for column in servers.COLUMNS
    if isinstance(column.type, Json) and column.name != "flavor"
)
_TIMES = tuple(column.name for column in servers.COLUMNS if isinstance(column.type, UtcTime))


def _open(row: sa.Row[Any], server_tags: Sequence[str], fault: Fault | None) -> ServerRow:
    values = dict(zip(_NAMES, row, strict=False))
    for name in _TIMES:
        if values[name] is not None:
            values[name] = values[name].replace(tzinfo=UTC)
    for name in _DOCUMENTS:
        if values[name] is not None:
            values[name] = msgspec.json.decode(values[name])
    values["flavor"] = _flavor(values["flavor"])
    values["image_properties"] = values["image_properties"] or {}
    values["security_groups"] = tuple(values["security_groups"])
    if values["trusted_certs"] is not None:
        values["trusted_certs"] = tuple(values["trusted_certs"])
    return ServerRow(Server(tags=tuple(server_tags), **values), fault)


# Made while this module is loaded, by one thread: see groundwork.typed.
_FLAVOR = msgspec.json.Decoder(Flavor)


@lru_cache(maxsize=1024)
def _flavor(text: str) -> Flavor:
    """Servers of one flavor hold the same copy of it, so few different texts come by."""
    return _FLAVOR.decode(text)


def _position_reader(sort: Sequence[Sort]) -> Callable[[sa.Row[Any]], tuple[Any, ...]]:
    """Reads from a row what :func:`nova.db.cell.server_order.position` reads from a server."""
    readers = [_value_reader(each.key) for each in sort]
    uuid = _PLACES["uuid"]
    return lambda row: (*(read(row) for read in readers), row[uuid])


def _value_reader(key: str) -> Callable[[sa.Row[Any]], Any]:
    if key == "locked":
        place = _PLACES["locked_by"]
        return lambda row: 0 if row[place] is None else 1
    place = _PLACES["flavorid" if key == "instance_type_id" else key]
    if key in _TIMES:
        return lambda row: None if row[place] is None else row[place].replace(tzinfo=UTC)
    return itemgetter(place)


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
