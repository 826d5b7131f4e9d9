"""Which provider belongs to which aggregate; an aggregate is nothing but the uuid that its members share."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import sqlalchemy as sa

from groundwork.database import Transaction
from placement.db.models import provider_aggregates


def of_provider(tx: Transaction, provider_id: int) -> tuple[str, ...]:
    """The aggregates of one provider."""
    own = provider_aggregates.c
    rows: Iterable[Any] = tx.execute(
        sa.select(own.aggregate_uuid)
        .where(own.resource_provider_id == provider_id)
        .order_by(own.aggregate_uuid)
    )
    return tuple(row[0] for row in rows)


def replace(tx: Transaction, provider_id: int, aggregate_uuids: Collection[str]) -> None:
    """Let the provider belong to just these."""
    own = provider_aggregates.c
    tx.execute(sa.delete(provider_aggregates).where(own.resource_provider_id == provider_id))
    if aggregate_uuids:
        rows = [
            {"resource_provider_id": provider_id, "aggregate_uuid": uuid}
            for uuid in sorted(set(aggregate_uuids))
        ]
        tx.execute(sa.insert(provider_aggregates), rows)
