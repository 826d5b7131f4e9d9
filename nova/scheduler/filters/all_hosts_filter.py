"""No constraint at all."""

from __future__ import annotations

from nova.scheduler.filters.filter import Filter, Reason
from nova.scheduler.host_view import Ask, HostView


class AllHostsFilter(Filter):
    """Every host: enabled alone, it leaves the choice to Placement and the weighers, hosts that are down included."""

    def applies(self, ask: Ask) -> bool:
        return False

    def reject(self, host: HostView, ask: Ask) -> Reason | None:
        return None
