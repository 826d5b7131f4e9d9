"""Are the host's PCI devices kept for those who want them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from nova.scheduler.candidates import Candidate
from nova.scheduler.field import Numbers
from nova.scheduler.host_view import Ask, HostView
from nova.scheduler.lineup import Lineup
from nova.scheduler.weights.weigher import Weigher


class PCIWeigher(Weigher):
    """Prefer hosts with few free PCI devices.

    Servers without devices go to hosts that have none; those with devices, which filters leave only hosts that have
    enough, go to the one with least beyond that.
    """

    name = "pci"
    sense: ClassVar[int] = -1

    def weigh(self, candidate: Candidate, ask: Ask) -> float:
        return _free_devices(candidate.host)

    def weigh_all(self, candidates: Lineup, ask: Ask) -> Sequence[float] | Numbers:
        return candidates.column(_free_devices)


def _free_devices(host: HostView) -> float:
    return host.hardware.free_devices if host.hardware else 0
