"""Are the host's PCI devices kept for those who want them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from nova.scheduler.candidates import Candidate
from nova.scheduler.host_view import Ask
from nova.scheduler.weights.weigher import Weigher


class PCIWeigher(Weigher):
    """Prefer hosts with few free PCI devices.

    Servers without devices go to hosts that have none; those with devices, which filters leave only hosts that have
    enough, go to the one with least beyond that.
    """

    name = "pci"
    sense: ClassVar[int] = -1

    def weigh(self, candidate: Candidate, ask: Ask) -> float:
        hardware = candidate.host.hardware
        return hardware.free_devices if hardware else 0

    def weigh_all(self, candidates: Sequence[Candidate], ask: Ask) -> Sequence[float]:
        all_hardware = [candidate.host.hardware for candidate in candidates]
        return [hardware.free_devices if hardware else 0 for hardware in all_hardware]
