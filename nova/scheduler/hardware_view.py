"""A node's NUMA nodes and PCI devices as the scheduler sees them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import msgspec

from groundwork.typed import convert
from nova.domain.device_choice import free_devices
from nova.domain.hardware import Hardware, Pins, Use
from nova.domain.hardware_fit import Misfit, fit
from nova.domain.numa import NumaRequest, PciRequest


class HardwareView:
    """What the node offers and what servers hold of it. Immutable, but for what is worked out when asked for.

    Thousands of nodes are read every minute and few requests ask for anything of this, so texts stay texts until one
    does. Two threads that ask at once work it out twice, and come to the same.
    """

    def __init__(self, hardware: str, pins: Sequence[str], *more: Pins) -> None:
        """
        :param hardware: JSON of a :class:`Hardware`.
        :param pins: JSON of the :class:`Pins` of each server.
        :param more: those of servers that the node's cell does not know yet.
        """
        self._text = hardware
        self._pins = pins
        self._more = more

    @cached_property
    def hardware(self) -> Hardware:
        """What the node offers."""
        found: Hardware = convert(msgspec.json.decode(self._text), Hardware)
        return found

    @cached_property
    def use(self) -> Use:
        """What servers hold of it."""
        pins = [convert(msgspec.json.decode(text), Pins) for text in self._pins]
        return Use.by(self.hardware, (*pins, *self._more))

    @cached_property
    def free_devices(self) -> int:
        """How many devices nobody has."""
        return len(free_devices(self.hardware.devices, self.use))

    def fit(self, numa: NumaRequest | None, pci: Sequence[PciRequest]) -> Pins | Misfit:
        """Where one more server would lie."""
        return fit(self.hardware, self.use, numa, pci)

    def after_placing(
        self, numa: NumaRequest | None, pci: Sequence[PciRequest], count: int
    ) -> HardwareView:
        """The node with so many more servers of this request, as many as fit."""
        found = self
        if numa is None and not pci:
            return found
        for _ in range(count):
            pins = found.fit(numa, pci)
            if isinstance(pins, Misfit):
                break
            found = HardwareView(self._text, self._pins, *found._more, pins)
        return found
