"""The hosts of one cell as last read, and how they are read anew."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from groundwork.database import Transaction
from nova.scheduler.hardware_view import HardwareView
from nova.scheduler.host_rows import (
    Counts,
    NodeFacts,
    ServiceFacts,
    Sighting,
    read_counts,
    read_images,
    read_nodes,
    read_pins,
    read_services,
    read_sightings,
)
from nova.scheduler.host_view import AggregateView, HostView


class Reading(NamedTuple):
    """One answer of a cell. ``counts`` is None when they were not asked for."""

    is_full: bool
    services: Mapping[str, ServiceFacts]
    nodes: list[NodeFacts]
    #: Of these nodes; see ``read_pins``.
    pins: Mapping[tuple[str, str], tuple[str, ...]]
    counts: Mapping[tuple[str, str], Counts] | None
    #: Of the arrivals that the cell has, as they stood before servers were counted.
    sightings: Mapping[str, Sighting] = {}


def read_cell(
    tx: Transaction,
    *,
    since: datetime | None,
    with_counts: bool,
    with_images: bool = False,
    arrivals: Sequence[str] = (),
) -> Reading:
    """All services of a cell, the nodes that have reported since then (all after None), and counts on demand.

    ``with_images`` tells with the counts of which images the servers are, ``arrivals`` are the servers that the
    cell may not have yet.
    """
    # The other way round a server that comes in between would be seen, and not be counted (see ``arrivals.py``).
    sightings = read_sightings(tx, arrivals) if with_counts else {}
    counts = read_counts(tx) if with_counts else None
    if counts is not None and with_images:
        for place, images in read_images(tx).items():
            counts[place] = counts.get(place, Counts())._replace(images=images)
    nodes = read_nodes(tx, since)
    return Reading(
        is_full=since is None,
        services=read_services(tx),
        nodes=nodes,
        # Nobody holds anything where no host has told of hardware.
        pins=read_pins(tx, since) if any(node.hardware for node in nodes) else {},
        counts=counts,
        sightings=sightings,
    )


@dataclass(frozen=True, slots=True)
class Moment:
    """When a cell was asked: by the monotonic clock (for ages) and as a time (for comparing with rows)."""

    clock_s: float
    time: datetime


@dataclass(slots=True)
class CellHosts:
    """Rows of one cell, and views made of them when somebody asks. Guarded by the host table's lock."""

    cell_uuid: str
    services: Mapping[str, ServiceFacts] = field(default_factory=dict)
    nodes: dict[str, NodeFacts] = field(default_factory=dict)
    counts: Mapping[tuple[str, str], Counts] = field(default_factory=dict)
    pins: dict[str, tuple[str, ...]] = field(default_factory=dict)
    #: When it was read; None before the first time.
    read_at: Moment | None = None
    read_in_full_at: Moment | None = None
    counted_at: Moment | None = None
    #: When it did not answer; None while it does.
    silent_since: Moment | None = None
    #: Whether it let everybody wait then.
    was_late: bool = False
    _views: dict[str, HostView] = field(default_factory=dict)

    def take(self, reading: Reading, *, at: Moment) -> None:
        """Believe an answer that was asked for at ``at``; views of what has changed are dropped."""
        old_services, self.services = self.services, reading.services
        if reading.is_full:
            self.nodes = {}
            self.pins = {}
            self._views = {}
            self.read_in_full_at = at
        for node in reading.nodes:
            pins = reading.pins.get((node.host, node.hypervisor_hostname), ())
            if self.nodes.get(node.uuid) != node or self.pins.get(node.uuid, ()) != pins:
                self.nodes[node.uuid] = node
                self.pins[node.uuid] = pins
                self._views.pop(node.uuid, None)
        if reading.counts is not None:
            old_counts, self.counts = self.counts, reading.counts
            self.counted_at = at
            self._drop_views(
                lambda v: (
                    old_counts.get((v.host, v.node), Counts()) != self.counts_of(v.host, v.node)
                )
            )
        self._drop_views(lambda v: old_services.get(v.host) != self.services.get(v.host))
        self.read_at = at
        self.silent_since = None

    def view(
        self, uuid: str, *, aggregates: tuple[AggregateView, ...], zone: str
    ) -> HostView | None:
        """The node as a host; None when it has no compute service."""
        found = self._views.get(uuid)
        if found is not None and found.aggregates is aggregates and found.zone == zone:
            return found
        node = self.nodes[uuid]
        service = self.services.get(node.host)
        if service is None:
            return None
        counts = self.counts_of(node.host, node.hypervisor_hostname)
        found = self._views[uuid] = HostView(
            host=node.host,
            node=node.hypervisor_hostname,
            node_uuid=uuid,
            cell_uuid=self.cell_uuid,
            zone=zone,
            is_enabled=not service.disabled,
            forced_down=service.forced_down,
            last_seen_up=service.last_seen_up,
            hypervisor_type=node.hypervisor_type,
            hypervisor_version=node.hypervisor_version,
            host_ip=node.host_ip,
            cpu_info=node.cpu_info or {},
            vcpus=node.vcpus,
            memory_mb=node.memory_mb,
            local_gb=node.local_gb,
            metrics=node.metrics or {},
            failed_builds=node.failed_builds or 0,
            hardware=HardwareView(node.hardware, self.pins[uuid]) if node.hardware else None,
            aggregates=aggregates,
            num_instances=counts.servers,
            num_io_ops=counts.busy,
            images=counts.images,
        )
        return found

    def counts_of(self, host: str, node: str) -> Counts:
        """The servers of a node as they were counted last."""
        return self.counts.get((host, node), Counts())

    def _drop_views(self, is_old: Callable[[HostView], bool]) -> None:
        for uuid in [uuid for uuid, view in self._views.items() if is_old(view)]:
            del self._views[uuid]
