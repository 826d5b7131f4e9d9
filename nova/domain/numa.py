"""What a server asks of a host's NUMA nodes and PCI devices."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from nova.domain.hardware import DeviceType, PciDevice


class ThreadPolicy(StrEnum):
    """How CPUs of its own are chosen where cores have several threads."""

    PREFER = "prefer"
    #: Each vCPU has a core for itself.
    ISOLATE = "isolate"
    #: No vCPU is alone on its core.
    REQUIRE = "require"


class PageWish(StrEnum):
    """Pages of which the host may choose the size."""

    SMALL = "small"
    LARGE = "large"
    ANY = "any"


class Affinity(StrEnum):
    """How near to the guest's NUMA nodes a device has to be."""

    REQUIRED = "required"
    #: As required, but a device whose node nobody knows will do.
    LEGACY = "legacy"
    PREFERRED = "preferred"
    #: On the same socket as one of the guest's nodes.
    SOCKET = "socket"


@dataclass(frozen=True, slots=True)
class GuestCell:
    """One NUMA node of a guest; ``own`` are its vCPUs that want a CPU for themselves, ``shared`` the others."""

    id: int
    memory_mb: int
    shared: tuple[int, ...] = ()
    own: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class NumaRequest:
    """The NUMA nodes of a guest, each to lie in a host cell of its own.

    ``pages`` None is ordinary memory, a number a page size in KiB.
    """

    cells: tuple[GuestCell, ...]
    pages: PageWish | int | None = None
    threads: ThreadPolicy = ThreadPolicy.PREFER

    @property
    def own_cpus(self) -> int:
        """How many CPUs the guest wants for itself."""
        return sum(len(cell.own) for cell in self.cells)


@dataclass(frozen=True, slots=True)
class PciSpec:
    """A kind of device; None fits all."""

    vendor_id: str | None = None
    product_id: str | None = None
    dev_type: DeviceType = DeviceType.PCI

    def fits(self, device: PciDevice) -> bool:
        """Whether the device is of this kind."""
        return (
            device.dev_type is self.dev_type
            and self.vendor_id in (None, device.vendor_id)
            and self.product_id in (None, device.product_id)
        )


@dataclass(frozen=True, slots=True)
class PciRequest:
    """``count`` devices, each of one of these kinds. How near they are matters to guests with NUMA nodes only."""

    alias: str
    count: int
    specs: tuple[PciSpec, ...]
    affinity: Affinity = Affinity.LEGACY

    def fits(self, device: PciDevice) -> bool:
        """Whether the device is one that is asked for."""
        return any(spec.fits(device) for spec in self.specs)
