"""The part of operations that is about NUMA nodes, CPUs and PCI devices of a host.

Placement counts CPUs and memory, and the scheduler has claimed them before the server comes. Which ones they are is
decided when it comes: its compute claims them, from what its host has and its other servers hold. Nothing of it is
written to Placement. If it does not fit (any more), the step fails and the operation takes its next host.
"""

from __future__ import annotations

from groundwork.errors import Invalid
from nova.db.cell import hardware_pins
from nova.domain.hardware import Pins
from nova.domain.numa import NumaRequest
from nova.domain.numa_reading import numa_request_of
from nova.domain.request_spec import RequestSpec
from nova.domain.server import Server
from nova.lifecycle.tools import CellTools, HostTools


def is_wanted(spec: RequestSpec) -> bool:
    """Whether a server of this request holds anything of its host by number.

    One that was accepted and scheduled before its flavor had to make sense goes on as it began, without NUMA nodes.
    """
    if spec.pci_requests:
        return True
    try:
        return _numa(spec) is not None
    except Invalid:
        return False


def claim(tools: HostTools, server: Server, spec: RequestSpec) -> Pins:
    """Hold what the request asks for of the server's host. Run twice, it is the same.

    :raises HardwareTaken: it does not fit.
    """
    return tools.hardware.claim(server, _numa(spec), spec.pci_requests)


def release(tools: CellTools, server_uuid: str) -> None:
    """Let go of everything that the server holds; at a conductor, so that the host may be down."""
    tools.database.run(lambda tx: hardware_pins.release(tx, server_uuid))


def told(pins: Pins) -> str:
    """What operators read in the event of the action."""
    cpus = ",".join(str(cpu) for cell in pins.cells for _, cpu in cell.pins)
    parts = (
        ("NUMA nodes", ",".join(str(cell.host_cell) for cell in pins.cells)),
        ("CPUs", cpus),
        ("devices", ",".join(pinned.device.address for pinned in pins.devices)),
    )
    return "; ".join(f"{name} {numbers}" for name, numbers in parts if numbers)


def _numa(spec: RequestSpec) -> NumaRequest | None:
    return numa_request_of(spec.flavor, spec.image_properties)
