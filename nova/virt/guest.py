"""What a driver is told about a guest, and what it tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from nova.domain.hardware import Pins
from nova.domain.injected_file import InjectedFile


class PowerState(IntEnum):
    """As ``OS-EXT-STS:power_state`` of the Compute API; 2 and 5 are not used there."""

    NOSTATE = 0
    RUNNING = 1
    PAUSED = 3
    SHUTDOWN = 4
    CRASHED = 6
    SUSPENDED = 7


@dataclass(frozen=True, slots=True)
class GuestState:
    """A guest as the hypervisor has it. ``NOSTATE`` is also a guest whose making was cut short."""

    uuid: str
    power_state: PowerState


@dataclass(frozen=True, slots=True)
class DiskSpec:
    """A disk that the tenant asked for. Without ``connection_info`` it is made on the host; size in GiB, MiB for swap.

    ``boot_index`` 0 is the disk that the guest boots from.
    """

    device_name: str | None
    boot_index: int | None = None
    volume_id: str | None = None
    connection_info: Mapping[str, object] | None = field(default=None, repr=False)
    size: int | None = None
    guest_format: str | None = None
    disk_bus: str | None = None
    device_type: str | None = None
    tag: str | None = None


@dataclass(frozen=True, slots=True)
class GuestSpec:
    """All that it takes to make a guest; a driver asks nobody for more.

    ``name`` is the tenant's name for the server, ``instance_name`` the hypervisor's
    (``instance-0000002a``). ``image_id`` is None for a guest that boots from a volume. Sizes: MiB
    for memory and swap, GiB for disks. ``pins`` are the NUMA nodes, CPUs and devices that the
    guest gets, empty when it asks for none.
    """

    uuid: str
    name: str
    instance_name: str
    project_id: str
    user_id: str
    node: str
    vcpus: int
    memory_mb: int
    root_gb: int
    ephemeral_gb: int
    swap_mb: int
    hostname: str
    image_id: str | None = None
    image_properties: Mapping[str, str] = field(default_factory=dict)
    flavor_extra_specs: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    user_data: str | None = None
    config_drive: bool = False
    key_name: str | None = None
    key_data: str | None = None
    admin_password: str | None = field(default=None, repr=False)
    #: To be in the guest, or on its config drive, when it starts for the first time.
    files: tuple[InjectedFile, ...] = ()
    networks: tuple[Mapping[str, object], ...] = ()
    pins: Pins = Pins()
    #: Those that were named in the request, by device name.
    disks: tuple[DiskSpec, ...] = ()
