"""Queries on key pairs; they belong to a user, whatever the project."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from oslo_db import exception as db_exc

from groundwork.columns import now
from groundwork.database import Transaction
from groundwork.errors import Conflict, Invalid, NotFound, OverQuota
from nova.db.api.models import key_pairs


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A public key under a name. ``type`` is ``ssh`` or ``x509``; the private half is never stored."""

    user_id: str
    name: str
    type: str
    fingerprint: str
    public_key: str
    #: 0 and None before it is stored.
    id: int = 0
    created_at: datetime | None = None


def page_key_pairs(
    tx: Transaction, user_id: str, *, limit: int | None = None, marker: str | None = None
) -> tuple[KeyPair, ...]:
    """A user's key pairs by name; all of them without a limit.

    :raises Invalid: the marker is no key pair of this user.
    """
    table = key_pairs
    statement = sa.select(table).where(table.c.user_id == user_id).order_by(table.c.name)
    if marker is not None:
        statement = statement.where(table.c.name > marker)
        if _find(tx, user_id, marker) is None:
            raise Invalid(f"Marker {marker} could not be found.")
    if limit is not None:
        statement = statement.limit(limit)
    return tuple(_key_pair(row) for row in tx.execute(statement))


def find_key_pair(tx: Transaction, user_id: str, name: str) -> KeyPair:
    """A key pair of a user by its name. :raises NotFound: the user has none of that name."""
    row = _find(tx, user_id, name)
    if row is None:
        raise NotFound(f"Keypair {name} not found for user {user_id}")
    return _key_pair(row)


def count_key_pairs(tx: Transaction, user_id: str) -> int:
    """How many key pairs a user has."""
    return int(
        tx.execute(
            sa.select(sa.func.count()).select_from(key_pairs).where(key_pairs.c.user_id == user_id)
        ).scalar_one()
    )


def create_key_pair(tx: Transaction, key_pair: KeyPair, *, limit: int) -> KeyPair:
    """Store a key pair if the user then has no more than ``limit`` (-1: no limit).

    The caller holds the user's quota lock in this transaction; without it two requests could take the same room.

    :raises OverQuota: the user has that many.
    :raises Conflict: the user has one of that name; the transaction is spoilt then.
    """
    if 0 <= limit <= count_key_pairs(tx, key_pair.user_id):
        raise OverQuota("Quota exceeded, too many key pairs.", limit=limit)
    created_at = now()
    try:
        made = tx.execute(
            sa.insert(key_pairs).values(
                created_at=created_at,
                user_id=key_pair.user_id,
                name=key_pair.name,
                type=key_pair.type,
                fingerprint=key_pair.fingerprint,
                public_key=key_pair.public_key,
            )
        )
    except db_exc.DBDuplicateEntry as exc:
        raise Conflict(f"Key pair '{key_pair.name}' already exists.") from exc
    key = made.inserted_primary_key
    assert key is not None
    return replace(key_pair, id=key[0], created_at=created_at)


def delete_key_pair(tx: Transaction, user_id: str, name: str) -> None:
    """Delete a key pair. :raises NotFound: the user has none of that name."""
    table = key_pairs
    gone = tx.execute(sa.delete(table).where(table.c.user_id == user_id, table.c.name == name))
    if not gone.rowcount:
        raise NotFound(f"Keypair {name} not found for user {user_id}")


def _find(tx: Transaction, user_id: str, name: str) -> sa.Row[Any] | None:
    table = key_pairs
    return tx.execute(
        sa.select(table).where(table.c.user_id == user_id, table.c.name == name)
    ).one_or_none()


def _key_pair(row: sa.Row[Any]) -> KeyPair:
    return KeyPair(
        user_id=row.user_id,
        name=row.name,
        type=row.type,
        fingerprint=row.fingerprint,
        public_key=row.public_key,
        id=row.id,
        created_at=row.created_at,
    )
