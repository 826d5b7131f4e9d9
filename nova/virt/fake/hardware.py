"""NUMA nodes and PCI devices of a machine that is not there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from groundwork.errors import Invalid
from nova.domain.hardware import DeviceType, Hardware, HostCell, Pages, PciDevice

_SMALL_KB = 4
_PAGES = re.compile(r"([0-9]{1,7})\s*:\s*([0-9]{1,7})", re.ASCII)
_DEVICES = re.compile(
    r"(?:(?P<count>[0-9]{1,3})x)?(?P<vendor>[0-9a-f]{4}):(?P<product>[0-9a-f]{4})"
    r"(?:\+(?P<vfs>[0-7])x(?P<vf_product>[0-9a-f]{4}))?(?:@(?P<cell>[0-9]{1,3}))?",
    re.ASCII,
)
# Where devices begin; the slots below it are those of the machine's own.
_FIRST_BUS = 0x81


def make_hardware(
    *,
    cells: int,
    vcpus: int,
    memory_mb: int,
    threads: int,
    huge_pages: Sequence[str],
    devices: Sequence[str],
) -> Hardware | None:
    """A machine with so many NUMA nodes, of which each is a socket; None when there is nothing to tell of.

    :param threads: of each core.
    :param huge_pages: ``MIB:COUNT`` of each cell.
    :param devices: as ``[fake_driver] pci_devices``.
    :raises Invalid: the texts make no sense, or the machine cannot be divided evenly.
    """
    found = tuple(_devices(devices, cells))
    if not cells:
        return Hardware(devices=found) if found else None
    if vcpus % (cells * threads) or memory_mb % cells:
        raise Invalid(
            f"[fake_driver] numa_cells = {cells}: {vcpus} vCPUs with {threads} threads a core and {memory_mb} MiB "
            "cannot be divided evenly."
        )
    pages = _pages(huge_pages, memory_mb // cells)
    each = vcpus // cells
    return Hardware(
        cells=tuple(
            HostCell(
                id=number,
                cpus=tuple(range(number * each, (number + 1) * each)),
                pages=pages,
                siblings=tuple(
                    tuple(range(first, first + threads))
                    for first in range(number * each, (number + 1) * each, threads)
                ),
                socket=number,
            )
            for number in range(cells)
        ),
        devices=found,
    )


def _pages(texts: Iterable[str], memory_mb: int) -> tuple[Pages, ...]:
    huge = []
    for text in texts:
        match = _PAGES.fullmatch(text.strip())
        if match is None or int(match[1]) * 1024 <= _SMALL_KB:
            raise Invalid(f"[fake_driver] huge_pages: {text!r} is not of the form MIB:COUNT.")
        huge.append(Pages(int(match[1]) * 1024, int(match[2])))
    rest_kb = memory_mb * 1024 - sum(pages.size_kb * pages.total for pages in huge)
    if rest_kb < 0:
        raise Invalid(f"[fake_driver] huge_pages: a cell has {memory_mb} MiB only.")
    huge.sort(key=lambda pages: pages.size_kb)
    return (Pages(_SMALL_KB, rest_kb // _SMALL_KB), *huge)


def _devices(texts: Iterable[str], cells: int) -> Iterator[PciDevice]:
    bus = _FIRST_BUS
    for text in texts:
        match = _DEVICES.fullmatch(text.strip().lower())
        cell = int(match["cell"]) if match and match["cell"] else None
        if match is None or (cell is not None and cell >= max(cells, 1)):
            raise Invalid(
                f"[fake_driver] pci_devices: {text!r} is not of the form [COUNTx]VENDOR:PRODUCT[+VFSxPRODUCT][@CELL]."
            )
        for _ in range(int(match["count"] or 1)):
            if bus > 0xFF:
                raise Invalid("[fake_driver] pci_devices: there are more than the buses hold.")
            yield from _card(f"0000:{bus:02x}:00", match, cell)
            bus += 1


def _card(slot: str, match: re.Match[str], cell: int | None) -> Iterator[PciDevice]:
    vendor = match["vendor"]
    if match["vfs"] is None:
        yield PciDevice(f"{slot}.0", vendor, match["product"], numa_node=cell)
        return
    card = PciDevice(f"{slot}.0", vendor, match["product"], DeviceType.PF, cell)
    yield card
    for number in range(1, int(match["vfs"]) + 1):
        yield PciDevice(
            f"{slot}.{number}", vendor, match["vf_product"], DeviceType.VF, cell, card.address
        )
