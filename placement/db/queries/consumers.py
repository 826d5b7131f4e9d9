"""The records of those who hold allocations."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import sqlalchemy as sa

from groundwork.database import Transaction
from placement.db.models import allocations, consumers
from placement.records import Claim, Consumer

_COLUMNS = (
    consumers.c.id,
    consumers.c.uuid,
    consumers.c.project_id,
    consumers.c.user_id,
    consumers.c.consumer_type,
    consumers.c.generation,
)

_INSERT = sa.insert(consumers)


def find(tx: Transaction, uuid: str) -> Consumer | None:
    """The record of one consumer."""
    return find_all(tx, [uuid]).get(uuid)


def find_all(tx: Transaction, uuids: Collection[str]) -> dict[str, Consumer]:
    """The records that exist, by uuid."""
    if not uuids:
        return {}
    rows: Iterable[Any] = tx.execute(
        sa.select(*_COLUMNS).where(consumers.c.uuid.in_(sorted(uuids)))
    )
    return {row.uuid: Consumer(*row) for row in rows}


def lock(tx: Transaction, uuid: str) -> int | None:
    """The id of a consumer whose record nobody else can write until this transaction ends; None without a record."""
    wanted = consumers.c.uuid == uuid
    return tx.execute(
        sa.select(consumers.c.id).where(wanted).with_for_update()
    ).scalar_one_or_none()


def insert(tx: Transaction, claim: Claim) -> int:
    """The id of a new record. :raises oslo_db.exception.DBDuplicateEntry: somebody was faster."""
    row = {
        "uuid": claim.consumer_uuid,
        "project_id": claim.project_id,
        "user_id": claim.user_id,
        "consumer_type": claim.consumer_type,
        "generation": 1,
    }
    result: sa.CursorResult[Any] = tx.execute(_INSERT, row)
    key = result.inserted_primary_key
    assert key is not None, "a single-row insert tells its key"
    return int(key[0])


def update(tx: Transaction, consumer: Consumer, claim: Claim) -> bool:
    """Store what the claim says of its consumer and raise the generation; False when somebody else wrote it since."""
    keep = claim.owner_is_placeholder
    changed = tx.execute(
        sa.update(consumers)
        .where(consumers.c.id == consumer.id, consumers.c.generation == consumer.generation)
        .values(
            project_id=consumer.project_id if keep else claim.project_id,
            user_id=consumer.user_id if keep else claim.user_id,
            consumer_type=claim.consumer_type or consumer.consumer_type,
            generation=consumer.generation + 1,
        )
    )
    return bool(changed.rowcount)


def delete(tx: Transaction, consumer_ids: Collection[int]) -> None:
    """Remove records whose allocations are gone."""
    if consumer_ids:
        tx.execute(sa.delete(consumers).where(consumers.c.id.in_(sorted(consumer_ids))))


def count_missing(tx: Transaction) -> int:
    """How many allocations have no record of their consumer, which no release of this service leaves behind."""
    orphans = (
        sa.select(sa.func.count())
        .select_from(allocations.outerjoin(consumers, consumers.c.id == allocations.c.consumer_id))
        .where(consumers.c.id.is_(None))
    )
    return int(tx.execute(orphans).scalar_one())
