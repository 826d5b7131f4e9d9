"""Aggregates with the hosts in them."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from groundwork.database import Transaction
from nova.db.api.models import aggregate_hosts, aggregates


@dataclass(frozen=True, slots=True)
class Member:
    """A host in an aggregate; a host in several has one of these for each."""

    host: str
    aggregate_uuid: str


def list_members(tx: Transaction) -> tuple[Member, ...]:
    """Every host of every aggregate, by host and age of the aggregate."""
    found = tx.execute(
        sa.select(aggregate_hosts.c.host, aggregates.c.uuid)
        .join_from(aggregate_hosts, aggregates, aggregate_hosts.c.aggregate_id == aggregates.c.id)
        .order_by(aggregate_hosts.c.host, aggregates.c.id)
    )
    return tuple(Member(row.host, row.uuid) for row in found)
