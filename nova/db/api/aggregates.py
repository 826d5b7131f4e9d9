"""Aggregates as availability zones see them: which hosts they put into which zone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from groundwork.database import Transaction
from nova.db.api.models import aggregate_hosts, aggregate_metadata

#: The metadata key that makes an aggregate an availability zone.
ZONE_KEY = "availability_zone"


def zones_of_hosts(tx: Transaction) -> Mapping[str, str]:
    """The zone of each host that an aggregate puts into one.

    The API keeps a host out of aggregates with different zones; should it be in two after all, the older one counts.
    """
    found: Any = tx.execute(
        sa.select(aggregate_hosts.c.host, aggregate_metadata.c.value)
        .join_from(
            aggregate_hosts,
            aggregate_metadata,
            aggregate_hosts.c.aggregate_id == aggregate_metadata.c.aggregate_id,
        )
        .where(aggregate_metadata.c.key == ZONE_KEY)
        .order_by(aggregate_hosts.c.aggregate_id.desc())
    )
    return {row.host: row.value for row in found}


def zone_names(tx: Transaction) -> frozenset[str]:
    """Every zone that an aggregate names, those without hosts too."""
    found: Any = tx.execute(
        sa.select(aggregate_metadata.c.value).where(aggregate_metadata.c.key == ZONE_KEY).distinct()
    )
    return frozenset(row.value for row in found)


def remove_host(tx: Transaction, host: str) -> int:
    """Take the host out of every aggregate; how many it was in."""
    return tx.execute(sa.delete(aggregate_hosts).where(aggregate_hosts.c.host == host)).rowcount
