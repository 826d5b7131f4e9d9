"""Servers as the database packs them: each one JSON array, with its tags, devices, newest fault and host inside.

PyMySQL reads answers in Python, a microsecond for every value: fifty columns of a thousand servers take it longer than
all the rest of a list. Here the database writes each server as one text, and msgspec reads that in C. What else belongs
to a server comes with the same question, so that a page costs one trip to a cell.

All engines do so alike, and differ only in how they write JSON; :class:`_Writer` says how.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Protocol, get_type_hints

import msgspec
import sqlalchemy as sa

from groundwork.columns import Json, UtcTime
from groundwork.database import Transaction
from nova.db.cell.block_devices import in_order
from nova.db.cell.faults import Fault
from nova.db.cell.models import block_device_mappings, instances
from nova.db.cell.services import COMPUTE, Condition
from nova.domain.block_device import BlockDevice
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


def packed(tx: Transaction, *, with_hosts: bool = False) -> sa.ColumnElement[str]:
    """What to select from ``instances``: the whole server in one column, for :func:`unpack`.

    :param with_hosts: look up how the compute services of the servers' hosts are.
    """
    return _column(tx.dialect, with_hosts)


def unpack(text: str) -> Values:
    """The values in such a column, at their ``PLACES``; the flavor is still text."""
    return _DECODER.decode(text)


def to_server(values: Values) -> Server:
    """The server of these values."""
    fields = list(values[: len(_FIELDS)])
    fields[_FLAVOR] = _flavor(fields[_FLAVOR])
    fields[_IMAGE_PROPERTIES] = fields[_IMAGE_PROPERTIES] or {}
    fields[_TAGS] = tuple(sorted(fields[_TAGS]))
    fields[_DEVICES] = in_order(BlockDevice(*device) for device in fields[_DEVICES])
    return Server(*fields)


def to_fault(values: Values) -> Fault | None:
    """Its newest fault: looked up for servers in ERROR and for deleted ones only, as only they show it."""
    found = values[_FAULT]
    return None if found is None else Fault(*found)


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
    types["block_devices"] = list[_device_type()]  # type: ignore[misc]
    # Rows of servers without properties hold no document.
    types["image_properties"] |= None
    return (*(types[name] for name in _FIELDS), _FAULT_TYPE | None, _HOST_TYPE | None)


# In the order of the fields of Fault and Condition.
_HOST_TYPE = tuple[bool, bool, Moment | None]
_FAULT_TYPE = tuple[int, str, str, Moment, str | None]


def _device_type() -> Any:
    """A device as an array, in the order of its fields."""
    types = get_type_hints(BlockDevice)
    return tuple[tuple(types[name] for name in BlockDevice.__struct_fields__)]  # type: ignore[misc]


# Made while this module is loaded, by one thread: see groundwork.typed.
_FLAVOR_DECODER = msgspec.json.Decoder(Flavor)
_DECODER = msgspec.json.Decoder(tuple[_types()])  # type: ignore[misc]


_IS_COMPUTE = f"binary = '{COMPUTE}'"
_OWN_TAGS = "FROM tags WHERE tags.resource_id = instances.uuid"


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

    def tags(self) -> str:
        """An array of all tags, in any order."""

    def all(self, item: str, source: str) -> str:
        """An array of these documents, one for each row of the source, in any order."""


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

    def tags(self) -> str:
        # Fifty tags of sixty characters are far from group_concat_max_len, a million in MariaDB. To sort them here
        # would take longer than to find them.
        return f"IFNULL((SELECT JSON_ARRAYAGG(tag) {_OWN_TAGS}), '[]')"

    def all(self, item: str, source: str) -> str:
        return f"IFNULL((SELECT CONCAT('[', GROUP_CONCAT({item}), ']') {source}), '[]')"


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

    def tags(self) -> str:
        return f"json((SELECT json_group_array(tag) {_OWN_TAGS}))"

    def all(self, item: str, source: str) -> str:
        return f"json((SELECT json_group_array({item}) {source}))"


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

    def tags(self) -> str:
        return f"(SELECT coalesce(json_agg(tag), CAST('[]' AS json)) {_OWN_TAGS})"

    def all(self, item: str, source: str) -> str:
        return f"(SELECT coalesce(json_agg({item}), CAST('[]' AS json)) {source})"


_WRITERS: Mapping[str, _Writer] = {
    "mysql": _MariaDb(),
    "sqlite": _Sqlite(),
    "postgresql": _PostgreSql(),
}


@lru_cache
def _column(dialect: str, with_hosts: bool) -> sa.ColumnElement[str]:
    # As text, for SQLAlchemy looks through every part of an expression each time that it is asked.
    writer = _WRITERS[dialect]
    others = {"tags": writer.tags(), "block_devices": _devices(writer)}
    parts = [others.get(name) or _part(writer, instances.c[name]) for name in _FIELDS]
    parts += [_fault(writer), _host(writer) if with_hosts else writer.document("NULL")]
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
    """The compute service of the host in the order of Condition's fields; along ``uniq_services0host0binary``.

    There are far fewer hosts than servers; MariaDB remembers within a statement what it has looked up.
    """
    condition = writer.array(
        [writer.truth("disabled"), writer.truth("forced_down"), writer.time("last_seen_up")]
    )
    one = f"SELECT {condition} FROM services WHERE services.host = instances.host"
    return writer.document(f"({one} AND services.{_IS_COMPUTE})")


def _devices(writer: _Writer) -> str:
    """All devices in the order of their fields, without what only hosts need; along the index on ``instance_uuid``."""
    table = block_device_mappings
    device = writer.array(
        [
            writer.number("NULL") if name == "connection_info" else _part(writer, table.c[name])
            for name in BlockDevice.__struct_fields__
        ]
    )
    own = f"FROM {table.name} WHERE {table.name}.instance_uuid = instances.uuid"
    return writer.all(writer.document(device), own)


def _fault(writer: _Writer) -> str:
    """The newest fault in the order of Fault's fields; along ``instance_faults.instance_uuid``."""
    fault = writer.array(
        [
            writer.number("code"),
            writer.text("coalesce(message, '')"),
            writer.text("coalesce(details, '')"),
            writer.time("created_at"),
            writer.text("host"),
        ]
    )
    newest = (
        f"SELECT {fault} FROM instance_faults AS own"
        " WHERE own.instance_uuid = instances.uuid ORDER BY own.id DESC LIMIT 1"
    )
    shown = "instances.vm_state = 'error' OR instances.deleted <> 0"
    return writer.document(f"CASE WHEN {shown} THEN ({newest}) END")
