"""Pages of servers: one cell's share of a list, sorted, filtered and cut by the database."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from operator import itemgetter
from typing import Any

import msgspec
import sqlalchemy as sa
from oslo_db import exception as db_exc

from groundwork.database import Transaction
from groundwork.errors import Invalid
from nova.db.cell.faults import Fault
from nova.db.cell.packed_servers import (
    PLACES,
    Values,
    to_condition,
    to_fault,
    to_server,
    unpack,
)
from nova.db.cell.server_order import position
from nova.db.cell.server_query import ServerQuery, Sort
from nova.db.cell.server_selections import Selection, one, selection_of
from nova.db.cell.services import Condition
from nova.domain.server import Server


class ServerRow(msgspec.Struct, frozen=True):
    """A server of a page, with its newest fault (only looked up for servers in ERROR or deleted ones).

    ``host`` is how the compute service of its host is: None when it has none, or when that was not asked for.
    """

    server: Server
    fault: Fault | None = None
    host: Condition | None = None


class Found(msgspec.Struct, frozen=True):
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
        self._selections: dict[str, Selection] = {}
        self._position_of = _position_reader(query.sort)

    def read(self, tx: Transaction) -> Sequence[Found]:
        """As :func:`page`."""
        selection = self._selections.get(tx.dialect)
        if selection is None:
            selection = self._selections[tx.dialect] = selection_of(tx.dialect, self._query)
        try:
            texts = selection.read(tx)
        except (db_exc.DBError, sa.exc.DBAPIError) as exc:
            if self._query.matches and _is_about_pattern(exc):
                raise Invalid("A regular expression in the filters cannot be used.") from exc
            raise
        position_of = self._position_of
        return [Found(position_of(row), partial(_open, row)) for row in map(unpack, texts)]


def _open(row: Values) -> ServerRow:
    return ServerRow(to_server(row), to_fault(row), to_condition(row))


def find(
    tx: Transaction, uuid: str, *, with_deleted: bool = False, with_host: bool = False
) -> ServerRow | None:
    """One server as on a page, or None; deleted ones, and how its host is, only when asked for."""
    found = one(tx.dialect, with_deleted, with_host).texts(tx, {"uuid": uuid})
    return _open(unpack(found[0])) if found else None


def _position_reader(sort: Sequence[Sort]) -> Callable[[Values], tuple[Any, ...]]:
    """Reads from a row what :func:`nova.db.cell.server_order.position` reads from a server."""
    keys = [each.key for each in sort]
    if "locked" not in keys and "instance_type_id" not in keys:
        # Nearly always; without a line of Python for a row.
        return itemgetter(*(PLACES[key] for key in keys), PLACES["uuid"])
    return lambda row: position(to_server(row), sort)


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
