"""Resource classes and traits: two tables of unique names with the same needs."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from functools import cache
from typing import Any

import sqlalchemy as sa

from groundwork.database import Transaction
from placement.db.queries.plain import is_plain, plain_only
from placement.records import Named


def is_custom(name: str) -> bool:
    """Whether a name is the operator's own, and may be removed again; the others are standard."""
    return name.startswith("CUSTOM_")


def find_named(tx: Transaction, table: sa.Table, name: str) -> Named | None:
    """The row with this name."""
    if not is_plain(name):
        return None
    row: Any = tx.execute(_rows(table).where(table.c.name == name)).one_or_none()
    return Named(*row) if row else None


def list_named(
    tx: Transaction, table: sa.Table, *conditions: sa.ColumnElement[bool]
) -> tuple[Named, ...]:
    """The rows that meet the conditions, in the order of their ids."""
    statement = _rows(table).where(*conditions).order_by(table.c.id)
    rows: Iterable[Any] = tx.execute(statement)
    return tuple(Named(*row) for row in rows)


def those_named(tx: Transaction, table: sa.Table, names: Collection[str]) -> tuple[Named, ...]:
    """The rows with these names, in the order of their ids; names that do not exist are left out.

    Standard names are asked for once: nobody can remove or rename them.
    """
    standard: dict[str, Named] = tx.lasting.setdefault(table.name, {})
    wanted = set(names)
    found = [standard[name] for name in wanted if name in standard]
    asked = plain_only(wanted - standard.keys())
    if asked:
        rows: Iterable[Any] = tx.execute(_with_names(table), {"names": asked})
        for row in (Named(*each) for each in rows):
            found.append(row)
            if not is_custom(row.name):
                standard[row.name] = row
    return tuple(sorted(found, key=lambda row: row.id))


def ids_of(tx: Transaction, table: sa.Table, names: Collection[str]) -> dict[str, int]:
    """Id by name; names that do not exist are left out."""
    return {row.name: row.id for row in those_named(tx, table, names)}


def insert_named(tx: Transaction, table: sa.Table, name: str) -> None:
    """Add a name. :raises oslo_db.exception.DBDuplicateEntry: it is there."""
    tx.execute(sa.insert(table).values(name=name))


def insert_missing(tx: Transaction, table: sa.Table, rows: Mapping[str, int | None]) -> int:
    """Add those names that are not there, with the given ids (None: the next free one); how many were added."""
    present = set(tx.execute(sa.select(table.c.name)).scalars())
    missing: list[dict[str, Any]] = [
        {"name": name} if known_id is None else {"name": name, "id": known_id}
        for name, known_id in rows.items()
        if name not in present
    ]
    if missing:
        tx.execute(sa.insert(table), missing)
    return len(missing)


def delete_named(tx: Transaction, table: sa.Table, row_id: int) -> None:
    """Remove a row. :raises oslo_db.exception.DBReferenceError: it is in use."""
    tx.execute(sa.delete(table).where(table.c.id == row_id))


def rename_named(tx: Transaction, table: sa.Table, row_id: int, name: str) -> None:
    """Change a name. :raises oslo_db.exception.DBDuplicateEntry: the new one is taken."""
    tx.execute(sa.update(table).where(table.c.id == row_id).values(name=name))


@cache
def _with_names(table: sa.Table) -> sa.Select[Any]:
    wanted = table.c.name.in_(sa.bindparam("names", expanding=True))
    return _rows(table).where(wanted).order_by(table.c.id)


def _rows(table: sa.Table) -> sa.Select[Any]:
    return sa.select(table.c.id, table.c.name, table.c.updated_at)
