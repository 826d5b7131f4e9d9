"""What a host consists of, as far as servers can have parts of it for themselves, and what they hold of it.

A host's *cells* are its NUMA nodes (here only; elsewhere a cell is a part of the cloud). What servers hold is counted
from their pins alone, so that it cannot drift away from them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class DeviceType(StrEnum):
    """What a PCI device is: a plain one, a physical function that has virtual ones, or a virtual function."""

    PCI = "type-PCI"
    PF = "type-PF"
    VF = "type-VF"


@dataclass(frozen=True, slots=True)
class PciDevice:
    """A device that can be handed to a guest.

    ``address`` is ``domain:bus:slot.function``, ``parent`` that of the physical function of a virtual one; ids are
    four hexadecimal digits. ``numa_node`` is the cell that it is near to, None when the machine does not tell.
    """

    address: str
    vendor_id: str
    product_id: str
    dev_type: DeviceType = DeviceType.PCI
    numa_node: int | None = None
    parent: str | None = None
    physical_network: str | None = None


@dataclass(frozen=True, slots=True)
class Pages:
    """Memory in pages of one size, KiB each."""

    size_kb: int
    total: int


@dataclass(frozen=True, slots=True)
class HostCell:
    """One NUMA node of a host.

    ``cpus`` are shared by the guests that have none of their own, ``dedicated`` given to one guest each; a CPU is in
    one of them at most. ``siblings`` are the threads of each core, all CPUs of the machine. ``pages`` begin with the
    smallest size, which ordinary memory is made of; the others are set aside.
    """

    id: int
    cpus: tuple[int, ...]
    dedicated: tuple[int, ...] = ()
    pages: tuple[Pages, ...] = ()
    siblings: tuple[tuple[int, ...], ...] = ()
    socket: int | None = None

    @property
    def plain_kb(self) -> int:
        """Ordinary memory, KiB."""
        return self.pages[0].size_kb * self.pages[0].total if self.pages else 0

    def free_pages(self, size_kb: int, use: CellUse) -> int:
        """How many pages of that size are left."""
        for place, pages in enumerate(self.pages):
            if pages.size_kb == size_kb:
                taken = -(-use.plain_kb // size_kb) if place == 0 else use.pages.get(size_kb, 0)
                return pages.total - taken
        return 0


@dataclass(frozen=True, slots=True)
class Hardware:
    """A node's cells (none when its hypervisor does not tell) and the devices that it offers.

    The ratios say how many times over shared CPUs and ordinary memory of each cell are given out.
    """

    cells: tuple[HostCell, ...] = ()
    devices: tuple[PciDevice, ...] = ()
    cpu_ratio: float = 1.0
    ram_ratio: float = 1.0


@dataclass(frozen=True, slots=True)
class PinnedCell:
    """One NUMA node of a guest and where it lies.

    ``shared`` are its vCPUs that float over the cell's shared CPUs, ``pins`` pairs of another vCPU and the CPU that is
    its own. ``idle`` are CPUs that are kept from others besides. ``page_kb`` None: ordinary memory.
    """

    id: int
    host_cell: int
    memory_mb: int
    shared: tuple[int, ...] = ()
    pins: tuple[tuple[int, int], ...] = ()
    idle: tuple[int, ...] = ()
    page_kb: int | None = None
    #: vCPUs that are threads of one core.
    siblings: tuple[tuple[int, ...], ...] = ()

    @property
    def vcpus(self) -> tuple[int, ...]:
        """All vCPUs of the cell, in order."""
        return tuple(sorted((*self.shared, *(vcpu for vcpu, _ in self.pins))))


@dataclass(frozen=True, slots=True)
class PinnedDevice:
    """A device that a server holds, and the alias by which it asked for it."""

    alias: str
    device: PciDevice


@dataclass(frozen=True, slots=True)
class Pins:
    """What one server holds of a host by number."""

    cells: tuple[PinnedCell, ...] = ()
    devices: tuple[PinnedDevice, ...] = ()


#: What most servers hold.
NO_PINS = Pins()


@dataclass(slots=True)
class CellUse:
    """What guests hold of one host cell; ``plain_kb`` is ordinary memory."""

    shared_vcpus: int
    cpus: set[int]
    plain_kb: int
    pages: dict[int, int]


@dataclass(slots=True)
class Use:
    """What guests hold of a host; ``parents`` are the physical functions of which they hold virtual ones."""

    cells: dict[int, CellUse]
    addresses: set[str]
    parents: set[str]

    @classmethod
    def by(cls, hardware: Hardware, pins: Iterable[Pins]) -> Use:
        """What these guests hold. What is no part of the host (any more) is left out."""
        cells = {cell.id: CellUse(0, set(), 0, {}) for cell in hardware.cells}
        use = cls(cells, set(), set())
        smallest = {cell.id: cell.pages[0].size_kb for cell in hardware.cells if cell.pages}
        for held in pins:
            use.addresses.update(pinned.device.address for pinned in held.devices)
            use.parents.update(p.device.parent for p in held.devices if p.device.parent)
            for pinned in held.cells:
                if pinned.host_cell in use.cells:
                    _add(use.cells[pinned.host_cell], pinned, smallest.get(pinned.host_cell))
        return use


def _add(cell: CellUse, pinned: PinnedCell, smallest_kb: int | None) -> None:
    cell.shared_vcpus += len(pinned.shared)
    cell.cpus.update((*(cpu for _, cpu in pinned.pins), *pinned.idle))
    memory_kb = pinned.memory_mb * 1024
    if pinned.page_kb is None or pinned.page_kb == smallest_kb:
        cell.plain_kb += memory_kb
    else:
        count = memory_kb // pinned.page_kb
        cell.pages[pinned.page_kb] = cell.pages.get(pinned.page_kb, 0) + count
