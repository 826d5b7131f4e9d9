"""Is the host in the zone that was asked for."""

from __future__ import annotations

from nova.scheduler.filters.filter import Filter, Reason
from nova.scheduler.host_view import Ask, HostView


class AvailabilityZoneFilter(Filter):
    """Hosts of the requested availability zone; all hosts when none is requested."""

    def applies(self, ask: Ask) -> bool:
        return bool(ask.spec.availability_zone)

    def reject(self, host: HostView, ask: Ask) -> Reason | None:
        if not self.applies(ask) or host.zone == ask.spec.availability_zone:
            return None
        return self.because(f"in zone {host.zone}, asked for {ask.spec.availability_zone}")
