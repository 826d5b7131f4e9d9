"""Has the host NUMA nodes and PCI devices left that the request fits into.

Decided by what the host's servers held a moment ago. The compute that gets the server looks again and takes what it
gives (``lifecycle/hardware.py``); should others have been faster, the build goes to the next host.
"""

from __future__ import annotations

from nova.domain.hardware_fit import Misfit
from nova.domain.numa import NumaRequest
from nova.scheduler.filters.filter import Filter, Reason
from nova.scheduler.host_view import Ask, HostView


class NUMATopologyFilter(Filter):
    """Hosts into whose NUMA nodes the server's fit: its own CPUs, shared ones, memory in the pages it wants, and near
    enough to the PCI devices that it wants.
    """

    def applies(self, ask: Ask) -> bool:
        return ask.numa is not None

    def reject(self, host: HostView, ask: Ask) -> Reason | None:
        return _why_not(self, host, ask, ask.numa)


class PciPassthroughFilter(Filter):
    """Hosts with free devices for everything that the server wants, wherever they are."""

    def applies(self, ask: Ask) -> bool:
        return bool(ask.spec.pci_requests)

    def reject(self, host: HostView, ask: Ask) -> Reason | None:
        return _why_not(self, host, ask, None)


def _why_not(one: Filter, host: HostView, ask: Ask, numa: NumaRequest | None) -> Reason | None:
    if host.hardware is None:
        return one.because("reports neither NUMA nodes nor PCI devices")
    found = host.hardware.fit(numa, ask.spec.pci_requests)
    return one.because(found.text) if isinstance(found, Misfit) else None
