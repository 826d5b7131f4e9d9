"""Does a server fit into a host's NUMA nodes and devices, and where exactly. Pure.

Each guest cell lies in a host cell of its own, and what fits into one host cell does not depend on the others. So the
guest's cells are matched with the host's, for one page size after the other. Devices that have to be near bring cells
that must be among the matched ones: small sets of such cells are tried. Whenever one matching covers these cells and
another one covers the guest, some matching covers both; growing the first by augmenting paths finds it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from nova.domain.cpu_pinning import choose_cpus
from nova.domain.device_choice import Near, choose_devices, free_devices
from nova.domain.hardware import (
    Hardware,
    HostCell,
    PciDevice,
    PinnedCell,
    PinnedDevice,
    Pins,
    Use,
)
from nova.domain.numa import Affinity, GuestCell, NumaRequest, PageWish, PciRequest, ThreadPolicy


@dataclass(frozen=True, slots=True)
class Misfit:
    """Why a server does not fit; a sentence."""

    text: str


_NO_CELLS = Misfit("The host reports no NUMA topology.")
_NO_DEVICES = Misfit("The host lacks free PCI devices that are asked for.")
_NO_ROOM = Misfit("The server's NUMA topology does not fit into what is free.")
_TOO_FAR = Misfit("No free PCI devices are near to where the server's NUMA topology fits.")


def fit(
    hardware: Hardware, use: Use, numa: NumaRequest | None, pci: Sequence[PciRequest]
) -> Pins | Misfit:
    """What the server would hold; the same input gives the same pins."""
    free = free_devices(hardware.devices, use)
    anywhere = choose_devices(free, use, pci, lambda _request, _device: True)
    if anywhere is None:
        return _NO_DEVICES
    if numa is None:
        return Pins(devices=anywhere)
    if not hardware.cells:
        return _NO_CELLS
    why_not = _NO_ROOM
    for page_kb in _page_sizes(hardware, numa):
        matching = _Matching(_Places(hardware, use, numa, page_kb, keeps_devices=not pci))
        if not matching.cover(()):
            continue
        found = _with_devices(matching, hardware, use, free, pci)
        if found is not None:
            return found
        why_not = _TOO_FAR
    return why_not


def _page_sizes(hardware: Hardware, numa: NumaRequest) -> Sequence[int | None]:
    """Page sizes to try, the best first; KiB, None for ordinary memory."""
    sizes = {pages.size_kb for cell in hardware.cells for pages in cell.pages}
    smallest = {cell.pages[0].size_kb for cell in hardware.cells if cell.pages}
    match numa.pages:
        case PageWish.SMALL:
            return sorted(smallest)
        case PageWish.LARGE:
            return sorted(sizes - smallest, reverse=True)
        case PageWish.ANY:
            return sorted(sizes, reverse=True)
        case wanted:
            return [wanted]


class _Places:
    """How each guest cell would lie in each host cell that has room for it, for one page size."""

    def __init__(
        self,
        hardware: Hardware,
        use: Use,
        numa: NumaRequest,
        page_kb: int | None,
        *,
        keeps_devices: bool,
    ) -> None:
        self.guests = numa.cells
        near_devices = {device.numa_node for device in hardware.devices} if keeps_devices else ()
        #: Host cells in the order in which they are taken: emptier ones first, and those with devices last if others
        #: may need them.
        self.hosts = sorted(
            (cell.id for cell in hardware.cells),
            key=lambda cell_id: (
                cell_id in near_devices,
                use.cells[cell_id].shared_vcpus + len(use.cells[cell_id].cpus),
                use.cells[cell_id].plain_kb,
                cell_id,
            ),
        )
        self.found: dict[tuple[int, int], PinnedCell] = {}
        for number, guest in enumerate(self.guests):
            for cell in hardware.cells:
                place = _place(guest, cell, hardware, use, page_kb, numa.threads)
                if place is not None:
                    self.found[number, cell.id] = place


def _place(
    guest: GuestCell,
    cell: HostCell,
    hardware: Hardware,
    use: Use,
    page_kb: int | None,
    threads: ThreadPolicy,
) -> PinnedCell | None:
    """How the guest cell would lie in this host cell. A guest never overcommits with itself."""
    used = use.cells[cell.id]
    memory_kb = guest.memory_mb * 1024
    if page_kb is None:
        if memory_kb > min(cell.plain_kb, cell.plain_kb * hardware.ram_ratio - used.plain_kb):
            return None
    elif memory_kb % page_kb or memory_kb // page_kb > cell.free_pages(page_kb, used):
        return None
    room = len(cell.cpus) * hardware.cpu_ratio - used.shared_vcpus
    if guest.shared and len(guest.shared) > min(len(cell.cpus), room):
        return None
    choice = choose_cpus(cell, used.cpus, len(guest.own), threads)
    if choice is None:
        return None
    own = iter(guest.own)
    cores = [[(next(own), cpu) for cpu in core] for core in choice.cores]
    return PinnedCell(
        id=guest.id,
        host_cell=cell.id,
        memory_mb=guest.memory_mb,
        shared=guest.shared,
        pins=tuple(pin for core in cores for pin in core),
        idle=choice.idle,
        page_kb=page_kb,
        siblings=tuple(tuple(vcpu for vcpu, _ in core) for core in cores if len(core) > 1),
    )


class _Matching:
    """Guest cells and host cells, at most one of each other."""

    def __init__(self, places: _Places) -> None:
        self._places = places
        self._guest_of: dict[int, int] = {}

    @property
    def size(self) -> int:
        """How many guest cells there are."""
        return len(self._places.guests)

    def cover(self, needed: Sequence[int]) -> bool:
        """Match every guest cell, and every one of these host cells; whether that can be done."""
        self._guest_of = {}
        host_of: dict[int, int] = {}
        for host in needed:
            if not self._augment_host(host, host_of, set()):
                return False
        self._guest_of = {host: guest for guest, host in host_of.items()}
        return all(
            self._augment_guest(guest, set()) for guest in range(self.size) if guest not in host_of
        )

    def cells(self) -> tuple[PinnedCell, ...]:
        """The guest's cells where they are, in its order."""
        found = self._places.found
        pairs = sorted((guest, host) for host, guest in self._guest_of.items())
        return tuple(found[pair] for pair in pairs)

    def _augment_host(self, host: int, host_of: dict[int, int], seen: set[int]) -> bool:
        for guest in range(self.size):
            if guest in seen or (guest, host) not in self._places.found:
                continue
            seen.add(guest)
            other = host_of.get(guest)
            if other is None or self._augment_host(other, host_of, seen):
                host_of[guest] = host
                return True
        return False

    def _augment_guest(self, guest: int, seen: set[int]) -> bool:
        able = [host for host in self._places.hosts if (guest, host) in self._places.found]
        for host in able:
            if host not in self._guest_of:
                self._guest_of[host] = guest
                return True
        for host in able:
            if host not in seen:
                seen.add(host)
                if self._augment_guest(self._guest_of[host], seen):
                    self._guest_of[host] = guest
                    return True
        return False


def _with_devices(
    matching: _Matching,
    hardware: Hardware,
    use: Use,
    free: Sequence[PciDevice],
    pci: Sequence[PciRequest],
) -> Pins | None:
    """The first way in which devices and cells fit together; wishes for nearness are heard before they are dropped."""
    if not pci:
        return Pins(matching.cells())
    sockets = {cell.id: cell.socket for cell in hardware.cells}
    has_wishes = any(request.affinity is Affinity.PREFERRED for request in pci)
    for hears_wishes in (True, False) if has_wishes else (False,):
        for needed in _sets_of_cells(free, pci, sockets, hears_wishes=hears_wishes):
            if len(needed) > matching.size:
                break
            near = _near(frozenset(needed), sockets, hears_wishes=hears_wishes)
            devices: tuple[PinnedDevice, ...] | None = choose_devices(free, use, pci, near)
            if devices is not None and matching.cover(needed):
                return Pins(matching.cells(), devices)
    return None


def _sets_of_cells(
    free: Sequence[PciDevice],
    pci: Sequence[PciRequest],
    sockets: Mapping[int, int | None],
    *,
    hears_wishes: bool,
) -> Iterator[tuple[int, ...]]:
    """Sets of host cells that may be needed for the sake of devices, small ones first."""
    cells, devices = set[int](), 0
    for request in pci:
        if request.affinity is Affinity.PREFERRED and not hears_wishes:
            continue
        devices += request.count
        own = {d.numa_node for d in free if d.numa_node in sockets and request.fits(d)}
        if request.affinity is Affinity.SOCKET:
            reached = {sockets[node] for node in own if node is not None} - {None}
            own |= {cell for cell, socket in sockets.items() if socket in reached}
        cells.update(node for node in own if node is not None)
    for size in range(min(devices, len(cells)) + 1):
        yield from combinations(sorted(cells), size)


def _near(cells: frozenset[int], sockets: Mapping[int, int | None], *, hears_wishes: bool) -> Near:
    """Whether devices are near enough to a guest that lies in these cells."""
    reached = {sockets[cell] for cell in cells} - {None}

    def near(request: PciRequest, device: PciDevice) -> bool:
        node = device.numa_node
        match request.affinity:
            case Affinity.PREFERRED:
                return not hears_wishes or node in cells
            case Affinity.LEGACY:
                return node is None or node in cells
            case Affinity.SOCKET:
                return node in cells or (node is not None and sockets.get(node) in reached)
            case _:
                return node in cells

    return near
