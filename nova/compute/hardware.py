"""What of a node's hardware guests may have, as the operator decides.

The driver tells everything that is there. Here shared CPUs are told from dedicated ones and the devices are picked that
may be handed out; that is what the cell learns, and the numbers of VCPU and PCPU in Placement follow from it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from oslo_config import cfg

from groundwork.errors import Invalid
from nova.compute.conductor_door import ConductorDoor
from nova.compute.device_spec import DeviceSpec, offered_devices, read_device_specs
from nova.conductor.messages import ClaimHardware
from nova.domain.cpu_sets import parse_cpus
from nova.domain.hardware import Hardware, HostCell, Pins
from nova.domain.numa import NumaRequest, PciRequest
from nova.domain.server import Server
from nova.virt.driver import Driver
from nova.virt.provider_tree import Inventory, ProviderTree

SHARED, DEDICATED = "VCPU", "PCPU"


@dataclass(frozen=True, slots=True)
class HardwarePolicy:
    """What the operator offers. A set of CPUs that is None was not configured."""

    shared_cpus: frozenset[int] | None = None
    dedicated_cpus: frozenset[int] | None = None
    devices: tuple[DeviceSpec, ...] = ()
    cpu_ratio: float = 1.0
    ram_ratio: float = 1.0

    def offered(self, hardware: Hardware | None) -> Hardware | None:
        """What guests may have of a node; None when its driver tells nothing."""
        if hardware is None:
            return None
        return Hardware(
            cells=tuple(self._cell(cell) for cell in hardware.cells),
            devices=offered_devices(hardware.devices, self.devices),
            cpu_ratio=self.cpu_ratio,
            ram_ratio=self.ram_ratio,
        )

    def split_cpus(self, tree: ProviderTree, node: str, hardware: Hardware | None) -> None:
        """Divide the CPUs that the driver reports among the two classes of Placement."""
        if self.shared_cpus is None and self.dedicated_cpus is None:
            return
        inventories = dict(tree.provider(node).inventories)
        given = inventories.pop(SHARED, None)
        inventories.pop(DEDICATED, None)
        cells = hardware.cells if hardware else ()
        present = {cpu for cell in cells for cpu in cell.cpus}
        if not present and given is not None:
            present = set(range(given.total))
        shared, dedicated = self._divided(present)
        if shared:
            inventories[SHARED] = replace(given or Inventory(0), total=len(shared), max_unit=None)
        if dedicated:
            # A CPU of one's own is never given out twice, whatever operators write to Placement.
            inventories[DEDICATED] = Inventory(len(dedicated), reserved=0, allocation_ratio=1.0)
        tree.set_inventories(node, inventories)

    def _cell(self, cell: HostCell) -> HostCell:
        shared, dedicated = self._divided(set(cell.cpus))
        return replace(cell, cpus=tuple(sorted(shared)), dedicated=tuple(sorted(dedicated)))

    def _divided(self, cpus: set[int]) -> tuple[set[int], set[int]]:
        dedicated = cpus & (self.dedicated_cpus or frozenset())
        if self.shared_cpus is not None:
            return cpus & self.shared_cpus, dedicated
        return (cpus if self.dedicated_cpus is None else set()), dedicated


class HostHardware:
    """Claims of this host's servers; decided against what the hypervisor has at that moment."""

    def __init__(self, *, driver: Driver, door: ConductorDoor, policy: HardwarePolicy) -> None:
        self._driver = driver
        self._door = door
        self._policy = policy

    def claim(self, server: Server, numa: NumaRequest | None, pci: tuple[PciRequest, ...]) -> Pins:
        """See :class:`nova.lifecycle.tools.HardwareClaims`."""
        host, node = server.host or "", server.node or ""
        offered = self._policy.offered(self._driver.node_facts(node).hardware)
        return self._door.claim_hardware(
            ClaimHardware(
                server=server.uuid,
                host=host,
                node=node,
                offered=offered or Hardware(),
                numa=numa,
                pci=pci,
            )
        )


def hardware_policy_from_conf(conf: cfg.ConfigOpts) -> HardwarePolicy:
    """What ``[compute]`` and ``[pci]`` say, and the overcommit of the host.

    :raises Invalid: an option makes no sense; one line for the operator.
    """
    shared = _cpus(conf, "cpu_shared_set")
    dedicated = _cpus(conf, "cpu_dedicated_set")
    both = sorted((shared or frozenset()) & (dedicated or frozenset()))
    if both:
        raise Invalid(
            f"[compute] cpu_shared_set and cpu_dedicated_set both hold CPU {both[0]}; a CPU is in one of them at most."
        )
    return HardwarePolicy(
        shared_cpus=shared,
        dedicated_cpus=dedicated,
        devices=read_device_specs(conf.pci.device_spec),
        cpu_ratio=conf.cpu_allocation_ratio or conf.initial_cpu_allocation_ratio,
        ram_ratio=conf.ram_allocation_ratio or conf.initial_ram_allocation_ratio,
    )


def _cpus(conf: cfg.ConfigOpts, name: str) -> frozenset[int] | None:
    text = conf.compute[name]
    if text is None or not text.strip():
        return None
    try:
        return parse_cpus(text)
    except Invalid as wrong:
        raise Invalid(f"[compute] {name}: {wrong}") from wrong
