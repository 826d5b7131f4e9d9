"""What the host table reads: narrow rows, because thousands of them are read every few seconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa

from groundwork.database import Transaction
from nova.db.api.models import aggregate_hosts, aggregate_metadata, aggregates, host_mappings
from nova.db.cell.models import compute_nodes, hardware_pins, instances, services
from nova.db.cell.services import COMPUTE
from nova.scheduler.host_view import AggregateView, ImageOnHost

# How much the clocks of those who write rows may differ. Larger: more rows are read again for nothing; smaller: a
# change written by a slow clock is seen only at the next full reading.
_CLOCK_SKEW = timedelta(seconds=5)

# Servers asked for in one query. More: SQL that a database refuses; fewer: more trips.
_ASKED_AT_ONCE = 500

# Servers that keep disks and network of their host busy.
_BUSY_TASKS = (
    "image_snapshot",
    "image_snapshot_pending",
    "image_pending_upload",
    "image_uploading",
    "image_backup",
    "migrating",
    "rebuilding",
    "rebuild_block_device_mapping",
    "rebuild_spawning",
    "rescuing",
    "resize_prep",
    "resize_migrating",
    "resize_migrated",
    "resize_finish",
    "unshelving",
)


class ServiceFacts(NamedTuple):
    """Of the compute service of a host."""

    host: str
    disabled: bool
    forced_down: bool
    last_seen_up: datetime | None


class NodeFacts(NamedTuple):
    """Of a compute node."""

    uuid: str
    host: str
    hypervisor_hostname: str
    hypervisor_type: str
    hypervisor_version: int
    host_ip: str | None
    cpu_info: Mapping[str, Any] | None
    vcpus: int
    memory_mb: int
    local_gb: int
    metrics: Mapping[str, float] | None
    failed_builds: int | None
    #: JSON as it is stored; read when a request asks for something of it.
    hardware: str | None = None


class Counts(NamedTuple):
    """Living servers of a node, those among them that are being built, moved, copied, and their images."""

    servers: int = 0
    busy: int = 0
    images: tuple[ImageOnHost, ...] = ()


class Sighting(NamedTuple):
    """The host and node that a server's row names. ``is_under_way``: it may be moving from there to another."""

    place: tuple[str | None, str | None]
    is_under_way: bool


class Aggregates(NamedTuple):
    """Every aggregate, those without hosts too, and those of each host that is in one; oldest first."""

    every: tuple[AggregateView, ...]
    by_host: dict[str, tuple[AggregateView, ...]]


def read_services(tx: Transaction) -> dict[str, ServiceFacts]:
    """The compute services of a cell, by host."""
    found = tx.execute(
        sa.select(*(services.c[name] for name in ServiceFacts._fields)).where(
            services.c.binary == COMPUTE
        )
    )
    return {row.host: ServiceFacts._make(row) for row in found}


def read_nodes(tx: Transaction, since: datetime | None) -> list[NodeFacts]:
    """The nodes of a cell that are new, have reported or failed a build since then; all of them after None."""
    *fields, hardware = (compute_nodes.c[name] for name in NodeFacts._fields)
    query = sa.select(*fields, sa.type_coerce(hardware, sa.Text)).where(*_changed(since))
    return [NodeFacts._make(row) for row in tx.execute(query)]


def read_pins(tx: Transaction, since: datetime | None) -> dict[tuple[str, str], tuple[str, ...]]:
    """What servers hold of the hardware of these nodes, by host and node, each as the JSON that is stored.

    Whoever changes it touches the node's row too, so only nodes that are read anew anyway are looked at.
    """
    # SELECT p.host, p.node, p.pins FROM hardware_pins p JOIN compute_nodes n ON n.host = p.host AND ...
    # WHERE n.updated_at >= ...; along hardware_pins_node_idx for each of the nodes.
    own = hardware_pins.c
    query = (
        sa.select(own.host, own.node, sa.type_coerce(own.pins, sa.Text).label("pins"))
        .join(
            compute_nodes,
            sa.and_(
                compute_nodes.c.host == own.host,
                compute_nodes.c.hypervisor_hostname == own.node,
            ),
        )
        .where(*_changed(since))
        .order_by(own.id)
    )
    found: dict[tuple[str, str], list[str]] = {}
    for row in tx.execute(query):
        found.setdefault((row.host, row.node), []).append(row.pins)
    return {place: tuple(pins) for place, pins in found.items()}


def _changed(since: datetime | None) -> tuple[sa.ColumnElement[bool], ...]:
    return () if since is None else (compute_nodes.c.updated_at >= since - _CLOCK_SKEW,)


def read_counts(tx: Transaction) -> dict[tuple[str, str], Counts]:
    """How many servers there are, by host and node; one pass over the living servers of a cell."""
    is_busy = sa.or_(instances.c.vm_state == "building", instances.c.task_state.in_(_BUSY_TASKS))
    found = tx.execute(
        sa.select(
            instances.c.host,
            instances.c.node,
            sa.func.count().label("servers"),
            sa.func.sum(sa.case((is_busy, 1), else_=0)).label("busy"),
        )
        .where(instances.c.deleted == 0, instances.c.host.is_not(None))
        .group_by(instances.c.host, instances.c.node)
    )
    return {(r.host, r.node or r.host): Counts(r.servers, int(r.busy)) for r in found}


def read_sightings(tx: Transaction, servers: Sequence[str]) -> dict[str, Sighting]:
    """Those of these servers that the cell has or had, by uuid; along the unique index of their uuids.

    A build that goes on to an alternate has left its first host, so it is under way to nowhere.
    """
    found: dict[str, Sighting] = {}
    own = instances.c
    query = sa.select(own.uuid, own.host, own.node, own.vm_state, own.task_state)
    for first in range(0, len(servers), _ASKED_AT_ONCE):
        some = servers[first : first + _ASKED_AT_ONCE]
        for row in tx.execute(query.where(own.uuid.in_(some))):
            is_under_way = row.vm_state != "building" and row.task_state is not None
            found[row.uuid] = Sighting((row.host, row.node or row.host), is_under_way)
    return found


def read_images(tx: Transaction) -> dict[tuple[str, str], tuple[ImageOnHost, ...]]:
    """Of which images there are servers, by host and node. Servers on volumes have no image and are passed over.

    Each server remembers the properties that its image had. They are read once for an image and not once for a server,
    from its newest server: a host may have thousands of servers, and images hardly change.
    """
    has_image = sa.and_(
        instances.c.deleted == 0,
        instances.c.host.is_not(None),
        instances.c.image_ref.is_not(None),
        instances.c.image_ref != "",
    )
    newest = sa.select(sa.func.max(instances.c.id)).where(has_image).group_by(instances.c.image_ref)
    properties = {
        row.image_ref: row.image_properties or {}
        for row in tx.execute(
            sa.select(instances.c.image_ref, instances.c.image_properties).where(
                instances.c.id.in_(newest)
            )
        )
    }
    by = (instances.c.host, instances.c.node, instances.c.image_ref)
    found: dict[tuple[str, str], tuple[ImageOnHost, ...]] = {}
    counted = sa.select(*by, sa.func.count().label("servers")).where(has_image).group_by(*by)
    for row in tx.execute(counted.order_by(instances.c.image_ref)):
        # An image whose first server has come between the two queries is seen next time.
        if row.image_ref in properties:
            place = (row.host, row.node or row.host)
            image = ImageOnHost(properties[row.image_ref], row.servers)
            found[place] = (*found.get(place, ()), image)
    return found


def read_mappings(tx: Transaction) -> dict[str, int]:
    """Which cell (row id) each mapped host belongs to."""
    found = tx.execute(sa.select(host_mappings.c.host, host_mappings.c.cell_id))
    return {row.host: row.cell_id for row in found}


def read_aggregates(tx: Transaction) -> Aggregates:
    """All aggregates, and which hosts they hold."""
    metadata: dict[int, dict[str, str]] = {}
    for row in tx.execute(sa.select(aggregate_metadata)):
        metadata.setdefault(row.aggregate_id, {})[row.key] = row.value
    views = {
        row.id: AggregateView(row.uuid, row.name, metadata.get(row.id, {}))
        for row in tx.execute(sa.select(aggregates).order_by(aggregates.c.id))
    }
    by_host: dict[str, tuple[AggregateView, ...]] = {}
    members = sa.select(aggregate_hosts.c.host, aggregate_hosts.c.aggregate_id)
    for row in tx.execute(members.order_by(aggregate_hosts.c.aggregate_id)):
        # An aggregate that has come between the two queries is seen next time.
        if row.aggregate_id in views:
            by_host[row.host] = (*by_host.get(row.host, ()), views[row.aggregate_id])
    return Aggregates(tuple(views.values()), by_host)
