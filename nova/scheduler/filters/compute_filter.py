"""Is the compute service of the host there and willing."""

from __future__ import annotations

from typing import Self

from nova.liveness import is_up
from nova.scheduler.filters.filter import Filter, FilterOptions, Reason
from nova.scheduler.host_view import Ask, HostView


class ComputeFilter(Filter):
    """Hosts whose compute service is enabled and has reported within ``service_down_time_s``."""

    def __init__(self, *, service_down_time_s: int = 60) -> None:
        self._down_time_s = service_down_time_s

    @classmethod
    def from_options(cls, options: FilterOptions) -> Self:
        return cls(service_down_time_s=options.service_down_time_s)

    def reject(self, host: HostView, ask: Ask) -> Reason | None:
        if not host.is_enabled:
            return self.because("the compute service is disabled")
        if not is_up(host, ask.now, self._down_time_s):
            return self.because(f"the compute service is down, last seen {host.last_seen_up}")
        return None
