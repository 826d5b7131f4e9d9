"""What filters and weighers see: the request, and a host at one moment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, NamedTuple

from groundwork.errors import Invalid
from nova.domain.numa import NumaRequest
from nova.domain.numa_reading import numa_request_of
from nova.domain.request_spec import RequestSpec
from nova.scheduler.hardware_view import HardwareView


@dataclass(frozen=True, slots=True)
class AggregateView:
    """A host aggregate without its hosts."""

    uuid: str
    name: str
    metadata: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ImageOnHost:
    """An image of which a host has servers: its properties, and how many they are."""

    properties: Mapping[str, Any]
    servers: int


class Load(NamedTuple):
    """Living servers of a node, and those of them that are being built, moved or copied."""

    servers: int = 0
    busy: int = 0


@dataclass(frozen=True, slots=True)
class HostView:
    """One node and the compute service that drives it, as last read from the node's cell.

    What is free on it is not here but in the candidate, because it is Placement's to tell.
    """

    host: str
    node: str
    node_uuid: str
    cell_uuid: str
    zone: str
    is_enabled: bool
    forced_down: bool
    last_seen_up: datetime | None
    hypervisor_type: str
    #: A number that grows with the release: 1002003 for 1.2.3.
    hypervisor_version: int
    host_ip: str | None = None
    cpu_info: Mapping[str, Any] = field(default_factory=dict)
    vcpus: int = 0
    memory_mb: int = 0
    local_gb: int = 0
    #: What its monitors measured last, by metric: ``cpu.percent`` and the like.
    metrics: Mapping[str, float] = field(default_factory=dict)
    #: Builds that failed here in a row since the last that succeeded.
    failed_builds: int = 0
    #: NUMA nodes and PCI devices, and what servers hold of them; None when the host tells of none.
    hardware: HardwareView | None = None
    aggregates: tuple[AggregateView, ...] = ()
    #: Living servers, and those of them that are being built or moved; 0 when no filter or weigher wants to know.
    num_instances: int = 0
    num_io_ops: int = 0
    #: Images of these servers; empty when no weigher wants to know.
    images: tuple[ImageOnHost, ...] = ()

    @property
    def load(self) -> Load:
        """How many servers it has."""
        return Load(self.num_instances, self.num_io_ops)

    def with_load(self, load: Load) -> HostView:
        """The host when it has so many servers."""
        return replace(self, num_instances=load.servers, num_io_ops=load.busy)

    def aggregate_values(self, key: str) -> frozenset[str]:
        """What the aggregates of this host say under ``key``; a value with commas is several."""
        return values_in(self.aggregates, key)


def values_in(aggregates: Sequence[AggregateView], key: str) -> frozenset[str]:
    """What these aggregates say under ``key``; a value with commas is several."""
    if not aggregates:
        return frozenset()
    said = (a.metadata[key] for a in aggregates if key in a.metadata)
    return frozenset(part.strip() for value in said for part in value.split(","))


@dataclass(frozen=True, slots=True)
class Ask:
    """The request, and the time at which it is decided."""

    spec: RequestSpec
    now: datetime
    #: The host of each server that the hints ``same_host`` and ``different_host`` name, as far as it is on one.
    server_hosts: Mapping[str, str] = field(default_factory=dict)
    #: The uuids of all servers that are asked for; none in a dry run.
    servers: tuple[str, ...] = ()
    #: What flavor and image want of NUMA nodes. None also when they make no sense: asking Placement tells so.
    numa: NumaRequest | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        try:
            numa = numa_request_of(self.spec.flavor, self.spec.image_properties)
        except Invalid:
            numa = None
        object.__setattr__(self, "numa", numa)

    def after_placing(self, host: str) -> Ask:
        """The request after one of its servers was placed there: its group has one more member."""
        if self.spec.group is None:
            return self
        return replace(self, spec=replace(self.spec, group=self.spec.group.with_member(host)))

    @property
    def extra_specs(self) -> Mapping[str, str]:
        """Extra specs of the flavor."""
        return self.spec.flavor.extra_specs

    def image_property(self, *names: str) -> str | None:
        """The first of these image properties that is set; Glance knows some of them by an old and a new name."""
        for name in names:
            value = self.spec.image_properties.get(name)
            if value not in (None, ""):
                return str(value)
        return None

    def hints(self, name: str) -> tuple[str, ...]:
        """The values of a scheduler hint: clients send a list or a single value."""
        value = self.spec.scheduler_hints.get(name)
        if value is None:
            return ()
        if isinstance(value, str) or not isinstance(value, Iterable):
            return (str(value),)
        return tuple(str(item) for item in value)
