"""Host aggregates, and which hosts they put into which availability zone."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from oslo_db import exception as db_exc

from groundwork.columns import now
from groundwork.database import Transaction
from groundwork.errors import Conflict, NotFound
from nova.db.api.models import aggregate_hosts, aggregate_metadata, aggregates

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


@dataclass(frozen=True, slots=True)
class Aggregate:
    """A host aggregate; hosts in the order in which they came."""

    id: int
    uuid: str
    name: str
    created_at: datetime
    updated_at: datetime | None = None
    hosts: tuple[str, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def zone(self) -> str | None:
        """The availability zone that it makes of its hosts."""
        return self.metadata.get(ZONE_KEY)


def lock_all(tx: Transaction) -> None:
    """Hold every aggregate until this transaction ends: a host's zone depends on all that it is in.

    Rows are updated, not only read: an UPDATE takes the row's lock on every database. One that is made meanwhile has
    no hosts yet, so it can be in nobody's way.
    """
    tx.execute(sa.update(aggregates).values(uuid=aggregates.c.uuid))


def list_aggregates(tx: Transaction) -> tuple[Aggregate, ...]:
    """Every aggregate, oldest first."""
    return _read(tx, sa.true())


def find_aggregate(tx: Transaction, aggregate_id: int) -> Aggregate:
    """:raises NotFound: there is none of that id."""
    found = _read(tx, aggregates.c.id == aggregate_id)
    if not found:
        raise NotFound(f"Aggregate {aggregate_id} could not be found.")
    return found[0]


def create_aggregate(tx: Transaction, name: str, zone: str | None) -> Aggregate:
    """A new aggregate without hosts. :raises Conflict: the name is taken; the transaction is spoilt then."""
    found = Aggregate(
        id=0,
        uuid=str(uuid.uuid4()),
        name=name,
        created_at=now(),
        metadata={} if zone is None else {ZONE_KEY: zone},
    )
    try:
        made = tx.execute(
            sa.insert(aggregates).values(
                uuid=found.uuid, name=found.name, created_at=found.created_at
            )
        )
    except db_exc.DBDuplicateEntry as exc:
        raise _taken(name) from exc
    key = made.inserted_primary_key
    assert key is not None
    found = replace(found, id=key[0])
    change_metadata(tx, found, found.metadata)
    return found


def rename(tx: Transaction, aggregate: Aggregate, name: str) -> None:
    """:raises Conflict: the name is taken; the transaction is spoilt then."""
    try:
        tx.execute(
            sa.update(aggregates)
            .where(aggregates.c.id == aggregate.id)
            .values(name=name, updated_at=now())
        )
    except db_exc.DBDuplicateEntry as exc:
        raise _taken(name) from exc


def touch(tx: Transaction, aggregate: Aggregate) -> None:
    """Note that something of it was changed now."""
    tx.execute(
        sa.update(aggregates).where(aggregates.c.id == aggregate.id).values(updated_at=now())
    )


def change_metadata(
    tx: Transaction, aggregate: Aggregate, changes: Mapping[str, str | None]
) -> None:
    """Set these keys; None removes one. The caller holds the aggregates' lock, or has just made this one."""
    table = aggregate_metadata
    if not changes:
        return
    tx.execute(
        sa.delete(table).where(table.c.aggregate_id == aggregate.id, table.c.key.in_(list(changes)))
    )
    rows = [
        {"aggregate_id": aggregate.id, "key": key, "value": value}
        for key, value in changes.items()
        if value is not None
    ]
    if rows:
        tx.execute(sa.insert(table), rows)


def delete_aggregate(tx: Transaction, aggregate: Aggregate) -> None:
    """Delete it with its metadata and memberships."""
    tx.execute(sa.delete(aggregates).where(aggregates.c.id == aggregate.id))


def add_host(tx: Transaction, aggregate: Aggregate, host: str) -> None:
    """Put the host into the aggregate; the caller holds the aggregates' lock and has seen that it is not in it."""
    tx.execute(sa.insert(aggregate_hosts).values(aggregate_id=aggregate.id, host=host))


def take_host(tx: Transaction, aggregate: Aggregate, host: str) -> None:
    """Take the host out of this aggregate."""
    table = aggregate_hosts
    tx.execute(sa.delete(table).where(table.c.aggregate_id == aggregate.id, table.c.host == host))


def _read(tx: Transaction, condition: sa.ColumnElement[bool]) -> tuple[Aggregate, ...]:
    rows: Any = tx.execute(sa.select(aggregates).where(condition).order_by(aggregates.c.id)).all()
    ids = [row.id for row in rows]
    hosts: dict[int, list[str]] = {}
    metadata: dict[int, dict[str, str]] = {}
    if ids:
        for member in tx.execute(
            sa.select(aggregate_hosts)
            .where(aggregate_hosts.c.aggregate_id.in_(ids))
            .order_by(aggregate_hosts.c.id)
        ):
            hosts.setdefault(member.aggregate_id, []).append(member.host)
        for said in tx.execute(
            sa.select(aggregate_metadata)
            .where(aggregate_metadata.c.aggregate_id.in_(ids))
            .order_by(aggregate_metadata.c.key)
        ):
            metadata.setdefault(said.aggregate_id, {})[said.key] = said.value
    return tuple(
        Aggregate(
            id=row.id,
            uuid=row.uuid,
            name=row.name,
            created_at=row.created_at,
            updated_at=row.updated_at,
            hosts=tuple(hosts.get(row.id, ())),
            metadata=metadata.get(row.id, {}),
        )
        for row in rows
    )


def _taken(name: str) -> Conflict:
    return Conflict(f"Aggregate {name} already exists.")
