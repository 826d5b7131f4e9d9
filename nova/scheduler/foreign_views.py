"""A candidate and a request under the names that operators' own filters and weighers know from other releases.

Nothing in them can be changed. Only ``filters/foreign_filter.py`` and ``weights/foreign_weigher.py`` use them.

A name that is missing here raises AttributeError, and the request fails with it: a filter that was told None, or
yesterday's number, would let servers onto hosts that it is there to protect.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, NoReturn

from nova.domain.flavor import Flavor
from nova.domain.server_group import ServerGroup
from nova.scheduler.candidates import Candidate
from nova.scheduler.host_facts import fact
from nova.scheduler.host_view import AggregateView, Ask, HostView

_PAGE = "doc/own-filters.rst"
_MIB_PER_GIB = 1024


class _View:
    """Something with a few known names."""

    __slots__ = ()

    def __getattr__(self, name: str) -> NoReturn:
        raise AttributeError(
            f"{type(self).__name__} has no {name} here; {_PAGE} lists what it has."
        )


class HostState(_View):
    """A host at the moment of the decision; what is free on it is Placement's, overcommit included."""

    __slots__ = ("_candidate",)

    def __init__(self, candidate: Candidate) -> None:
        self._candidate = candidate

    @property
    def _host(self) -> HostView:
        return self._candidate.host

    @property
    def host(self) -> str:
        """The compute service."""
        return self._host.host

    @property
    def nodename(self) -> str:
        """The node that it drives."""
        return self._host.node

    hypervisor_hostname = nodename

    @property
    def uuid(self) -> str:
        """The node's, and its provider's in Placement."""
        return self._host.node_uuid

    @property
    def cell_uuid(self) -> str:
        return self._host.cell_uuid

    @property
    def host_ip(self) -> str | None:
        return self._host.host_ip

    @property
    def hypervisor_type(self) -> str:
        return self._host.hypervisor_type

    @property
    def hypervisor_version(self) -> int:
        return self._host.hypervisor_version

    @property
    def cpu_info(self) -> Mapping[str, Any]:
        return MappingProxyType(dict(self._host.cpu_info))

    @property
    def total_usable_ram_mb(self) -> int:
        """All of it, whoever uses it."""
        return self._host.memory_mb

    @property
    def free_ram_mb(self) -> int:
        return int(fact(self._candidate, "free_ram_mb"))

    @property
    def total_usable_disk_gb(self) -> int:
        return self._host.local_gb

    @property
    def free_disk_mb(self) -> int:
        return int(fact(self._candidate, "free_disk_mb"))

    @property
    def disk_mb_used(self) -> int:
        return self._candidate.used("DISK_GB") * _MIB_PER_GIB

    @property
    def vcpus_total(self) -> int:
        return self._host.vcpus

    @property
    def vcpus_used(self) -> int:
        return int(fact(self._candidate, "vcpus_used"))

    @property
    def num_instances(self) -> int:
        return self._host.num_instances

    @property
    def num_io_ops(self) -> int:
        return self._host.num_io_ops

    @property
    def failed_builds(self) -> int:
        return self._host.failed_builds

    @property
    def metrics(self) -> Mapping[str, float]:
        """Values by name."""
        return MappingProxyType(dict(self._host.metrics))

    @property
    def aggregates(self) -> list[Aggregate]:
        return [Aggregate(each) for each in self._host.aggregates]


class Aggregate(_View):
    """A host aggregate."""

    __slots__ = ("_aggregate",)

    def __init__(self, aggregate: AggregateView) -> None:
        self._aggregate = aggregate

    @property
    def uuid(self) -> str:
        return self._aggregate.uuid

    @property
    def name(self) -> str:
        return self._aggregate.name

    @property
    def metadata(self) -> Mapping[str, str]:
        return MappingProxyType(dict(self._aggregate.metadata))

    @property
    def availability_zone(self) -> str | None:
        return self._aggregate.metadata.get("availability_zone")


class FlavorOfRequest(_View):
    """The flavor that is asked for."""

    __slots__ = ("_flavor",)

    def __init__(self, flavor: Flavor) -> None:
        self._flavor = flavor

    @property
    def id(self) -> int:
        return self._flavor.id

    @property
    def flavorid(self) -> str:
        return self._flavor.flavorid

    @property
    def name(self) -> str:
        return self._flavor.name

    @property
    def vcpus(self) -> int:
        return self._flavor.vcpus

    @property
    def memory_mb(self) -> int:
        return self._flavor.memory_mb

    @property
    def root_gb(self) -> int:
        return self._flavor.root_gb

    @property
    def ephemeral_gb(self) -> int:
        return self._flavor.ephemeral_gb

    @property
    def swap(self) -> int:
        """MiB."""
        return self._flavor.swap_mb

    @property
    def is_public(self) -> bool:
        return self._flavor.is_public

    @property
    def extra_specs(self) -> Mapping[str, str]:
        return MappingProxyType(dict(self._flavor.extra_specs))


class ImageProperties(dict[str, Any]):
    """A copy of an image's properties, by key or by attribute; those that are not set are None as attributes."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self.get(name)


class ImageOfRequest(_View):
    """The image; of a server that boots from a volume, what the volume keeps of it."""

    __slots__ = ("_ask",)

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    @property
    def id(self) -> str | None:
        return self._ask.spec.image_id

    @property
    def properties(self) -> ImageProperties:
        return ImageProperties(self._ask.spec.image_properties)


class GroupOfRequest(_View):
    """The server group."""

    __slots__ = ("_group",)

    def __init__(self, group: ServerGroup) -> None:
        self._group = group

    @property
    def uuid(self) -> str:
        return self._group.uuid

    @property
    def policy(self) -> str:
        return str(self._group.policy)

    @property
    def hosts(self) -> list[str]:
        """Hosts that have a member, each once."""
        return list(self._group.hosts)


class RequestSpecView(_View):
    """What is asked for: one decision is for all servers of a create request."""

    __slots__ = ("_ask",)

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    @property
    def flavor(self) -> FlavorOfRequest:
        return FlavorOfRequest(self._ask.spec.flavor)

    @property
    def vcpus(self) -> int:
        return self._ask.spec.flavor.vcpus

    @property
    def memory_mb(self) -> int:
        return self._ask.spec.flavor.memory_mb

    @property
    def root_gb(self) -> int:
        return self._ask.spec.flavor.root_gb

    @property
    def ephemeral_gb(self) -> int:
        return self._ask.spec.flavor.ephemeral_gb

    @property
    def swap(self) -> int:
        """MiB."""
        return self._ask.spec.flavor.swap_mb

    @property
    def project_id(self) -> str:
        return self._ask.spec.project_id

    @property
    def user_id(self) -> str:
        return self._ask.spec.user_id

    @property
    def image(self) -> ImageOfRequest:
        return ImageOfRequest(self._ask)

    @property
    def instance_uuid(self) -> str | None:
        """The first server's; None when none is going to be made (a dry run)."""
        return self._ask.servers[0] if self._ask.servers else None

    @property
    def num_instances(self) -> int:
        return len(self._ask.servers) or 1

    @property
    def is_bfv(self) -> bool:
        """Whether it boots from a volume."""
        return self._ask.spec.is_volume_backed

    @property
    def availability_zone(self) -> str | None:
        return self._ask.spec.availability_zone

    @property
    def ignore_hosts(self) -> list[str]:
        return list(self._ask.spec.ignored_hosts)

    @property
    def force_hosts(self) -> list[str]:
        return [host for host in (self._ask.spec.forced_host,) if host]

    @property
    def force_nodes(self) -> list[str]:
        return [node for node in (self._ask.spec.forced_node,) if node]

    @property
    def instance_group(self) -> GroupOfRequest | None:
        group = self._ask.spec.group
        return None if group is None else GroupOfRequest(group)

    @property
    def scheduler_hints(self) -> Mapping[str, list[Any]]:
        """Each hint as a list, however the client sent it."""
        hints = self._ask.spec.scheduler_hints
        return MappingProxyType({name: _listed(value) for name, value in hints.items()})

    def get_scheduler_hint(self, hint_name: str, default: Any = None) -> Any:
        """A hint with one value is that value, one with several a list of them."""
        if hint_name not in self._ask.spec.scheduler_hints:
            return default
        values = _listed(self._ask.spec.scheduler_hints[hint_name])
        return values[0] if len(values) == 1 else values


def _listed(value: Any) -> list[Any]:
    if isinstance(value, str | Mapping) or not isinstance(value, Iterable):
        return [value]
    return list(value)
