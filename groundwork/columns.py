"""Column types that mean the same on SQLite, MariaDB and PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import mysql

#: Text compares by code point on every engine; MariaDB would otherwise follow its server's default and, in most
#: installations, take "Web" and "web" for the same name.
MYSQL_TABLE: Mapping[str, Any] = {"mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}


class UtcTime(sa.types.TypeDecorator[datetime]):
    """An aware UTC time to the microsecond; the databases hold it without a zone."""

    impl = sa.DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> Any:
        if dialect.name == "mysql":
            return dialect.type_descriptor(mysql.DATETIME(fsp=6))
        return dialect.type_descriptor(sa.DateTime())

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("times must be aware")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)


class Json(sa.types.TypeDecorator[Any]):
    """A JSON value kept as text: read whole, never searched inside."""

    impl = sa.Text
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> Any:
        if dialect.name == "mysql":
            return dialect.type_descriptor(mysql.MEDIUMTEXT())
        return dialect.type_descriptor(sa.Text())

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> str | None:
        return None if value is None else msgspec.json.encode(value).decode()

    def process_result_value(self, value: str | None, dialect: sa.Dialect) -> Any:
        return None if value is None else msgspec.json.decode(value)


def unindexed(column: sa.ColumnElement[int]) -> sa.ColumnElement[int]:
    """The column's value, in a form that leads no engine to an index on it.

    For pages along another key: read along this one, each page would have all that is left sorted anew.
    """
    return column + 0


def now() -> datetime:
    """The present, aware."""
    return datetime.now(UTC)


class LongText(sa.types.TypeDecorator[str]):
    """Text of up to 16 MiB (MariaDB's plain TEXT ends at 64 KiB)."""

    impl = sa.Text
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> Any:
        if dialect.name == "mysql":
            return dialect.type_descriptor(mysql.MEDIUMTEXT())
        return dialect.type_descriptor(sa.Text())
