"""What the scheduler is asked for: everything that decides where a server may go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nova.domain.flavor import Flavor
from nova.domain.numa import PciRequest
from nova.domain.server_group import ServerGroup


@dataclass(frozen=True, slots=True)
class RequestSpec:
    """The wishes of one create request; the same for all servers of a multi-create.

    Kept in the API database for as long as the server lives, because later moves start from it.
    """

    project_id: str
    user_id: str
    flavor: Flavor
    image_id: str | None = None
    #: Image properties (``hw_*``, ``os_*``, ``img_*`` ...) as Glance gave them.
    image_properties: Mapping[str, Any] = field(default_factory=dict)
    availability_zone: str | None = None
    #: From ``zone:host:node``: the server goes there; filters are not asked, room is still claimed.
    forced_host: str | None = None
    forced_node: str | None = None
    #: From the ``host`` and ``hypervisor_hostname`` keys (2.74): only there, and the filters are asked.
    requested_host: str | None = None
    requested_node: str | None = None
    #: ``os:scheduler_hints`` as the client sent it, each value a list or a scalar.
    scheduler_hints: Mapping[str, Any] = field(default_factory=dict)
    #: Hosts that must not be chosen (a reschedule's failed ones).
    ignored_hosts: tuple[str, ...] = ()
    #: The root disk lies on a volume: the flavor's root_gb is not claimed from the host.
    is_volume_backed: bool = False
    #: The group that the server belongs to; where its members are is filled in for each decision.
    group: ServerGroup | None = None
    #: PCI devices that a server wants; what it wants of NUMA nodes follows from flavor and image (``numa_reading``).
    pci_requests: tuple[PciRequest, ...] = ()
    #: The cell (uuid) in which the server is that is to be moved; None for new servers.
    current_cell: str | None = None
    #: The only cell (uuid) that it may go to.
    only_cell: str | None = None
