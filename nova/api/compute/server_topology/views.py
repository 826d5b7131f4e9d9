"""The topology of a server on the wire."""

from __future__ import annotations

from typing import Any

from nova.domain.hardware import PinnedCell, Pins
from nova.domain.numa import NumaRequest


def placed(pins: Pins, *, shows_host: bool) -> dict[str, Any]:
    """Where the server lies; ``shows_host``: whether the caller may see in which nodes and on which CPUs."""
    sizes = {cell.page_kb for cell in pins.cells}
    return {
        "nodes": [_node(cell, shows_host=shows_host) for cell in pins.cells],
        "pagesize_kb": next(iter(sizes), None),
    }


def wished(request: NumaRequest | None) -> dict[str, Any]:
    """What the server asks for, as long as it lies nowhere."""
    pages = request.pages if request else None
    return {
        "nodes": [
            {
                "vcpu_set": sorted((*cell.shared, *cell.own)),
                "siblings": [],
                "memory_mb": cell.memory_mb,
            }
            for cell in (request.cells if request else ())
        ],
        "pagesize_kb": pages if isinstance(pages, int) else None,
    }


def _node(cell: PinnedCell, *, shows_host: bool) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "vcpu_set": list(cell.vcpus),
        "siblings": [list(core) for core in cell.siblings],
        "memory_mb": cell.memory_mb,
    }
    if shows_host:
        shown["host_node"] = cell.host_cell
        shown["cpu_pinning"] = {str(vcpu): cpu for vcpu, cpu in cell.pins}
    return shown
