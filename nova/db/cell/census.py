"""A cell read from end to end, in short batches: what the audit compares with the API database and with Placement."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from groundwork.columns import unindexed
from groundwork.database import Transaction
from groundwork.typed import convert
from nova.db.cell.models import compute_nodes, instance_actions, instances, migrations
from nova.db.journal import ALIVE
from nova.domain.flavor import Flavor
from nova.domain.migration import MigrationStatus, Origin
from nova.domain.request_spec import RequestSpec

# Uuids in one IN (...): well below what every engine takes, and enough that the round trip does not count.
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class CountedServer:
    """A living server, as far as the audit needs it. ``is_busy``: an operation on it has not ended."""

    id: int
    uuid: str
    project_id: str
    user_id: str
    host: str | None
    node: str | None
    vm_state: str
    task_state: str | None
    vcpus: int
    memory_mb: int
    flavor: Flavor
    image_ref: str | None
    image_properties: Mapping[str, Any]
    created_at: datetime
    updated_at: datetime | None
    is_busy: bool

    @property
    def is_in_motion(self) -> bool:
        """Whether somebody works on it, or says so."""
        return self.is_busy or self.task_state is not None

    @property
    def spec(self) -> RequestSpec:
        """What would be asked for to get such a server: enough to tell what it takes."""
        return RequestSpec(
            project_id=self.project_id,
            user_id=self.user_id,
            flavor=self.flavor,
            image_properties=self.image_properties,
            is_volume_backed=not self.image_ref,
        )


@dataclass(frozen=True, slots=True)
class UnansweredMove:
    """A move that waits to be confirmed or reverted; ``flavor`` is the one that its server had before."""

    uuid: str
    flavor: Flavor
    server: CountedServer


@dataclass(frozen=True, slots=True)
class Node:
    """A compute node; its provider has the same uuid."""

    uuid: str
    host: str
    name: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where living servers say that they are, and how many they are there."""

    host: str
    node: str | None
    servers: int


def living(tx: Transaction, *, after_id: int, limit: int) -> Sequence[CountedServer]:
    """The next living servers by number, a page along the primary key."""
    query = _page().where(instances.c.id > after_id).order_by(instances.c.id).limit(limit)
    return _servers(tx, query)


def living_on(tx: Transaction, host: str, node: str) -> Sequence[CountedServer]:
    """The living servers of a node, along ``instances_host_deleted_idx``."""
    return _servers(tx, _select().where(instances.c.host == host, instances.c.node == node))


def unanswered_from(tx: Transaction, host: str, node: str) -> Sequence[UnansweredMove]:
    """The unanswered moves of living servers away from a node, along ``migrations_source_status_idx``."""
    own = migrations.c
    found: Any = tx.execute(
        sa.select(own.uuid, own.instance_uuid, own.origin)
        .where(
            own.source_compute == host,
            own.source_node == node,
            own.status == MigrationStatus.FINISHED.value,
            own.origin.is_not(None),
        )
        .order_by(own.id)
    ).all()
    if not found:
        return []
    living = living_among(tx, [row.instance_uuid for row in found])
    return [
        UnansweredMove(row.uuid, convert(row.origin, Origin).flavor, living[row.instance_uuid])
        for row in found
        if row.instance_uuid in living
    ]


def unattended(tx: Transaction, *, after_id: int, limit: int) -> Sequence[CountedServer]:
    """Living servers that seem to be worked on (a task_state, or still building) while no operation is under way."""
    query = (
        _page()
        .where(
            instances.c.id > after_id,
            sa.or_(instances.c.task_state.is_not(None), instances.c.vm_state == "building"),
            ~_is_busy(),
        )
        .order_by(instances.c.id)
        .limit(limit)
    )
    return _servers(tx, query)


def living_among(tx: Transaction, uuids: Sequence[str]) -> Mapping[str, CountedServer]:
    """Those of these servers that live here."""
    return {
        server.uuid: server
        for some in _chunks(uuids)
        for server in _servers(tx, _select().where(instances.c.uuid.in_(some)))
    }


def deleted_among(tx: Transaction, uuids: Sequence[str]) -> frozenset[str]:
    """Those of these servers of which only the record is left here."""
    return frozenset(
        row.uuid
        for some in _chunks(uuids)
        for row in tx.execute(
            sa.select(instances.c.uuid).where(instances.c.uuid.in_(some), instances.c.deleted != 0)
        )
    )


def places(tx: Transaction) -> Sequence[Place]:
    """Every (host, node) that living servers name."""
    own = instances.c
    found: Any = tx.execute(
        sa.select(own.host, own.node, sa.func.count())
        .where(own.deleted == 0, own.host.is_not(None))
        .group_by(own.host, own.node)
        .order_by(own.host, own.node)
    )
    return [Place(host, node, int(count)) for host, node, count in found]


def nodes(tx: Transaction) -> Sequence[Node]:
    """All compute nodes by number; a few thousand at most."""
    own = compute_nodes.c
    found: Any = tx.execute(sa.select(own.uuid, own.host, own.hypervisor_hostname).order_by(own.id))
    return [Node(*row) for row in found]


def _is_busy() -> sa.ColumnElement[bool]:
    # EXISTS (SELECT 1 FROM instance_actions WHERE instance_uuid = instances.uuid AND state IN (...))
    # reads along instance_actions_server_idx: the few actions of one server.
    return sa.exists().where(
        instance_actions.c.instance_uuid == instances.c.uuid, instance_actions.c.state.in_(ALIVE)
    )


_FIELDS = tuple(name for name in CountedServer.__dataclass_fields__ if name != "is_busy")


def _select() -> sa.Select[Any]:
    return _counted().where(instances.c.deleted == 0)


def _page() -> sa.Select[Any]:
    return _counted().where(unindexed(instances.c.deleted) == 0)


def _counted() -> sa.Select[Any]:
    columns = [instances.c[name] for name in _FIELDS]
    return sa.select(*columns, _is_busy().label("is_busy"))


def _servers(tx: Transaction, query: sa.Select[Any]) -> Sequence[CountedServer]:
    return [
        CountedServer(
            **{
                **row._mapping,
                "flavor": convert(row.flavor, Flavor),
                "image_properties": row.image_properties or {},
                "is_busy": bool(row.is_busy),
            }
        )
        for row in tx.execute(query)
    ]


def _chunks(uuids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(uuids), _AT_ONCE):
        yield uuids[start : start + _AT_ONCE]
