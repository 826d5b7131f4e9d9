"""Providers and their places in trees.

Who writes anything of a provider locks its row first (:func:`lock`), and reads what it decides upon after that: on
every engine those reads then see all that earlier holders of the lock committed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa

from groundwork.database import Transaction
from placement.db.models import (
    inventories,
    provider_aggregates,
    provider_traits,
    resource_providers,
)
from placement.db.queries.plain import is_plain, plain_only
from placement.records import Provider

_parent = resource_providers.alias("parent")
_root = resource_providers.alias("root")


@dataclass(frozen=True, slots=True)
class Held:
    """A provider whose row this transaction has locked."""

    id: int
    uuid: str
    generation: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where a provider stands in its tree."""

    id: int
    parent_id: int | None
    root_id: int


def select_providers() -> sa.Select[Any]:
    """All providers; callers add conditions on ``resource_providers``."""
    own = resource_providers
    return (
        sa.select(
            own.c.id,
            own.c.uuid,
            own.c.name,
            own.c.generation,
            _parent.c.uuid.label("parent_uuid"),
            sa.func.coalesce(_root.c.uuid, own.c.uuid).label("root_uuid"),
            own.c.updated_at,
        )
        .outerjoin(_parent, own.c.parent_provider_id == _parent.c.id)
        .outerjoin(_root, own.c.root_provider_id == _root.c.id)
    )


def find(tx: Transaction, uuid: str) -> Provider | None:
    """The provider with this uuid."""
    if not is_plain(uuid):
        return None
    row: Any = tx.execute(_find(), {"wanted": uuid}).one_or_none()
    return Provider(*row) if row else None


def fetch(tx: Transaction, statement: sa.Select[Any]) -> tuple[Provider, ...]:
    """The providers that a statement made from :func:`select_providers` finds."""
    rows: Iterable[Any] = tx.execute(statement)
    return tuple(Provider(*row) for row in rows)


def lock(tx: Transaction, uuids: Collection[str]) -> dict[str, Held]:
    """The providers that exist, by uuid, locked against other writers until the transaction ends.

    Locks are taken in one order by everybody. SQLite needs none: there is one writer at a time.
    """
    asked = plain_only(uuids)
    if not asked:
        return {}
    rows: Iterable[Any] = tx.execute(_lock(), {"uuids": asked})
    return {row.uuid: Held(row.id, row.uuid, row.generation) for row in rows}


def lock_trees(tx: Transaction, provider_ids: Iterable[int]) -> dict[int, Place]:
    """Every provider in the trees that these are in, locked; by id."""
    own = resource_providers.c
    roots = sa.select(own.root_provider_id).where(own.id.in_(sorted(provider_ids)))
    root_ids = sorted(tx.execute(roots).scalars())
    members = own.root_provider_id.in_(root_ids)
    tx.execute(sa.select(own.id).where(members).order_by(own.id).with_for_update()).all()
    # Read again now that nobody else can move them: rows may have come while the locks were waited for.
    rows: Iterable[Any] = tx.execute(
        sa.select(own.id, own.parent_provider_id, own.root_provider_id).where(members)
    )
    return {row.id: Place(*row) for row in rows}


def insert(tx: Transaction, *, uuid: str, name: str, parent_id: int | None) -> int:
    """The id of a new provider, whose tree is not said yet (:func:`place`)."""
    values = {"uuid": uuid, "name": name, "parent_provider_id": parent_id}
    return _inserted_id(tx.execute(_insert(), values))


def root_of(tx: Transaction, provider_id: int) -> tuple[int, str]:
    """Id and uuid of the root of the tree that this provider is in; the caller has locked its row."""
    row: Any = tx.execute(_root_of(), {"own_id": provider_id}).one()
    return row[0], row[1]


def place(tx: Transaction, provider_id: int, root_id: int, moment: datetime) -> None:
    """Put a new provider into the tree of this root, as of this moment."""
    values = {"own_id": provider_id, "root_id": root_id, "updated_at": moment}
    tx.execute(_place(), values)


def rename(tx: Transaction, provider_id: int, name: str) -> None:
    """Give a provider another name."""
    own = resource_providers.c
    tx.execute(sa.update(resource_providers).where(own.id == provider_id).values(name=name))


def set_parent(tx: Transaction, provider_id: int, parent_id: int | None) -> None:
    """Hang a provider under another one, or make it a root."""
    tx.execute(
        sa.update(resource_providers)
        .where(resource_providers.c.id == provider_id)
        .values(parent_provider_id=parent_id)
    )


def set_root(tx: Transaction, provider_ids: Collection[int], root_id: int) -> None:
    """Put providers into the tree of this root."""
    tx.execute(
        sa.update(resource_providers)
        .where(resource_providers.c.id.in_(sorted(provider_ids)))
        .values(root_provider_id=root_id)
    )


def raise_generation(tx: Transaction, provider_ids: Iterable[int], *, by: int = 1) -> None:
    """Add to each generation; the caller holds the locks, or means to order itself behind who does."""
    tx.execute(_raise(), {"ids": sorted(set(provider_ids)), "by": by})


def count_children(tx: Transaction, provider_id: int) -> int:
    """How many providers have this one as their parent."""
    children = resource_providers.c.parent_provider_id == provider_id
    count = sa.select(sa.func.count()).select_from(resource_providers).where(children)
    return int(tx.execute(count).scalar_one())


def delete(tx: Transaction, provider_id: int) -> None:
    """Remove a provider with its inventory, traits and aggregates."""
    for table in (inventories, provider_traits, provider_aggregates):
        tx.execute(sa.delete(table).where(table.c.resource_provider_id == provider_id))
    own = resource_providers.c
    # A root refers to itself, which MariaDB's check of foreign keys would hold against its removal.
    tx.execute(
        sa.update(resource_providers).where(own.id == provider_id).values(root_provider_id=None)
    )
    tx.execute(sa.delete(resource_providers).where(own.id == provider_id))


def count_without_root(tx: Transaction) -> int:
    """How many providers have no root recorded, which no release of this service leaves behind."""
    missing = resource_providers.c.root_provider_id.is_(None)
    count = sa.select(sa.func.count()).select_from(resource_providers).where(missing)
    return int(tx.execute(count).scalar_one())


def fill_roots(tx: Transaction, at_most: int) -> tuple[int, int]:
    """Give providers without a recorded root that of their parent, or themselves; how many lacked it and got it.

    Level by level: a child can be done once its parent is.
    """
    own = resource_providers.c
    lacking = count_without_root(tx)
    done = 0
    while done < at_most:
        rows: Iterable[Any] = tx.execute(
            sa.select(own.id, sa.func.coalesce(_parent.c.root_provider_id, own.id))
            .outerjoin(_parent, own.parent_provider_id == _parent.c.id)
            .where(own.root_provider_id.is_(None))
            .where(sa.or_(_parent.c.id.is_(None), _parent.c.root_provider_id.is_not(None)))
            .limit(at_most - done)
        )
        roots = {row[0]: row[1] for row in rows}
        if not roots:
            break
        for provider_id, root_id in roots.items():
            set_root(tx, [provider_id], root_id)
        done += len(roots)
    return lacking, done


# Statements that are run for every provider that is loaded are made once: making one costs as much as sending it.


@cache
def _find() -> sa.Select[Any]:
    return select_providers().where(resource_providers.c.uuid == sa.bindparam("wanted"))


@cache
def _insert() -> sa.Insert:
    return sa.insert(resource_providers)


@cache
def _root_of() -> sa.Select[Any]:
    own = resource_providers
    return (
        sa.select(_root.c.id, _root.c.uuid)
        .join_from(own, _root, own.c.root_provider_id == _root.c.id)
        .where(own.c.id == sa.bindparam("own_id"))
    )


@cache
def _place() -> sa.Update:
    own = resource_providers.c
    return (
        sa.update(resource_providers)
        .where(own.id == sa.bindparam("own_id"))
        .values(root_provider_id=sa.bindparam("root_id"))
    )


@cache
def _lock() -> sa.Select[Any]:
    own = resource_providers.c
    return (
        sa.select(own.id, own.uuid, own.generation)
        .where(own.uuid.in_(sa.bindparam("uuids", expanding=True)))
        .order_by(own.id)
        .with_for_update()
    )


@cache
def _raise() -> sa.Update:
    own = resource_providers.c
    return (
        sa.update(resource_providers)
        .where(own.id.in_(sa.bindparam("ids", expanding=True)))
        .values(generation=own.generation + sa.bindparam("by"))
    )


def _inserted_id(result: sa.CursorResult[Any]) -> int:
    key = result.inserted_primary_key
    assert key is not None, "a single-row insert tells its key"
    return int(key[0])
