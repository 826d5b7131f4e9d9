"""Servers as the database packs them: each one JSON array, with its newest fault and its host inside.

PyMySQL reads answers in Python, a microsecond for every value: fifty columns of a thousand servers take it longer than
all the rest of a list. Here the database writes each server as one text, and msgspec reads that in C. Tags, devices and
faults have tables of their own, but what lists show of them is in the server's row: for a page of one cell's few rows,
to look into each of these tables takes as long as to read the row.

All engines do so alike, and differ only in how they write JSON; :class:`_Writer` says how.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Protocol, get_type_hints

import msgspec
import sqlalchemy as sa

from groundwork.columns import Json, UtcTime
from nova.db.cell.faults import Fault
from nova.db.cell.models import instances, services
from nova.db.cell.services import COMPUTE, Condition
from nova.domain.flavor import Flavor
from nova.domain.moment import Moment
from nova.domain.server import Server

# What stands where in an array: the fields of Server in their order, and then the fault and the host.
_FIELDS = Server.__struct_fields__

#: Field of a server -> its place in what :func:`unpack` gives.
PLACES: Mapping[str, int] = {name: place for place, name in enumerate(_FIELDS)}

_FLAVOR = PLACES["flavor"]
_IMAGE_PROPERTIES = PLACES["image_properties"]
_TAGS = PLACES["tags"]
_FAULT, _HOST = len(_FIELDS), len(_FIELDS) + 1
_DEVICES = PLACES["block_devices"]

Values = tuple[Any, ...]


def packed(dialect: str, *, with_hosts: bool = False) -> sa.Select[Any]:
    """All of ``instances``: each whole server in one column, for :func:`unpack`.

    :param with_hosts: look up how the compute services of the servers' hosts are.
    """
    source: sa.FromClause = instances
    if with_hosts:
        # Along uniq_services0host0binary.
        own = sa.and_(services.c.host == instances.c.host, services.c.binary == COMPUTE)
        source = instances.outerjoin(services, own)
    return sa.select(_column(dialect, with_hosts)).select_from(source)


def unpack(text: str) -> Values:
    """The values in such a column, at their ``PLACES``; the flavor is still text."""
    return _DECODER.decode(text)


def to_server(values: Values) -> Server:
    """The server of these values."""
    fields = list(values[: len(_FIELDS)])
    fields[_FLAVOR] = _flavor(fields[_FLAVOR])
    fields[_IMAGE_PROPERTIES] = fields[_IMAGE_PROPERTIES] or {}
    fields[_TAGS] = fields[_TAGS] or ()
    fields[_DEVICES] = fields[_DEVICES] or ()
    return Server(*fields)


def to_fault(values: Values) -> Fault | None:
    """Its newest fault: looked up for servers in ERROR and for deleted ones only, as only they show it."""
    found: Fault | None = values[_FAULT]
    return found


def to_condition(values: Values) -> Condition | None:
    """How the compute service of its host is; None where nobody asked for it, or there is none."""
    found = values[_HOST]
    return None if found is None else Condition(*found)


@lru_cache(maxsize=1024)
def _flavor(text: str) -> Flavor:
    """Servers of one flavor hold the same copy of it, so few different texts come by."""
    return _FLAVOR_DECODER.decode(text)


def _types() -> tuple[Any, ...]:
    types = get_type_hints(Server, include_extras=True)
    # Texts are compared much faster than documents are read.
    types["flavor"] = str
    # Rows of servers that have none of these hold no document.
    for name in ("image_properties", "tags", "block_devices"):
        types[name] |= None
    return (*(types[name] for name in _FIELDS), Fault | None, _HOST_TYPE | None)


# In the order of the fields of Condition.
_HOST_TYPE = tuple[bool, bool, Moment | None]


# Made while this module is loaded, by one thread: see groundwork.typed.
_FLAVOR_DECODER = msgspec.json.Decoder(Flavor)
_DECODER = msgspec.json.Decoder(tuple[_types()])  # type: ignore[misc]


class _Writer(Protocol):
    """How an engine writes JSON. Takes and gives pieces of SQL; NULL becomes ``null``."""

    def text(self, column: str) -> str:
        """A string."""

    def number(self, column: str) -> str:
        """An integer."""

    def truth(self, column: str) -> str:
        """A boolean; never NULL."""

    def time(self, column: str) -> str:
        """A string with the point in time, which is UTC."""

    def document(self, column: str) -> str:
        """The JSON that is in there."""

    def array(self, parts: list[str]) -> str:
        """An array."""


class _MariaDb:
    """Puts the text together itself: ``JSON_ARRAY`` takes half as long again, for it parses what it has written."""

    def text(self, column: str) -> str:
        return f"IFNULL(JSON_QUOTE({column}), 'null')"

    def number(self, column: str) -> str:
        return f"IFNULL({column}, 'null')"

    def truth(self, column: str) -> str:
        return f"IF({column}, 'true', 'false')"

    def time(self, column: str) -> str:
        return f"""IFNULL(CONCAT('"', {column}, 'Z"'), 'null')"""

    def document(self, column: str) -> str:
        return f"IFNULL({column}, 'null')"

    def array(self, parts: list[str]) -> str:
        return "CONCAT('[', " + ", ',', ".join(parts) + ", ']')"


class _Sqlite:
    def text(self, column: str) -> str:
        return column

    number = text

    def truth(self, column: str) -> str:
        return f"json(CASE WHEN {column} THEN 'true' ELSE 'false' END)"

    def time(self, column: str) -> str:
        return f"{column} || 'Z'"

    def document(self, column: str) -> str:
        return f"json({column})"

    def array(self, parts: list[str]) -> str:
        return f"json_array({', '.join(parts)})"


class _PostgreSql:
    def text(self, column: str) -> str:
        return column

    number = truth = text

    def time(self, column: str) -> str:
        return f"CAST({column} AS text) || 'Z'"

    def document(self, column: str) -> str:
        return f"CAST({column} AS json)"

    def array(self, parts: list[str]) -> str:
        return f"CAST(json_build_array({', '.join(parts)}) AS text)"


_WRITERS: Mapping[str, _Writer] = {
    "mysql": _MariaDb(),
    "sqlite": _Sqlite(),
    "postgresql": _PostgreSql(),
}


@lru_cache
def _column(dialect: str, with_hosts: bool) -> sa.ColumnElement[str]:
    # As text, for SQLAlchemy looks through every part of an expression each time that it is asked.
    writer = _WRITERS[dialect]
    parts = [_part(writer, instances.c[name]) for name in _FIELDS]
    parts += [writer.document(_fault()), _host(writer) if with_hosts else writer.document("NULL")]
    return sa.literal_column(writer.array(parts), sa.Text).label("packed")


def _part(writer: _Writer, column: sa.Column[Any]) -> str:
    sql = f"{column.table.name}.{column.name}"
    if isinstance(column.type, Json) and column.name != "flavor":
        return writer.document(sql)
    if isinstance(column.type, UtcTime):
        return writer.time(sql)
    if isinstance(column.type, sa.Boolean):
        return writer.truth(sql)
    return writer.number(sql) if isinstance(column.type, sa.Integer) else writer.text(sql)


def _host(writer: _Writer) -> str:
    """The compute service of the host in the order of Condition's fields."""
    condition = writer.array(
        [
            writer.truth("services.disabled"),
            writer.truth("services.forced_down"),
            writer.time("services.last_seen_up"),
        ]
    )
    return writer.document(f"CASE WHEN services.id IS NOT NULL THEN {condition} END")


def _fault() -> str:
    """The newest fault, of servers that show one."""
    return (
        "CASE WHEN instances.vm_state = 'error' OR instances.deleted <> 0 THEN instances.fault END"
    )
