"""Is the compute service of the host there and willing."""

from __future__ import annotations

from collections.abc import Iterable
from math import nan
from typing import Self

import numpy as np

from nova.liveness import is_up
from nova.scheduler.filters.filter import Filter, FilterOptions, Reason
from nova.scheduler.host_view import Ask, HostView
from nova.scheduler.lineup import Lineup

_ROUNDING_S = 0.001


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

    def suspects(self, candidates: Lineup, ask: Ask) -> Iterable[int]:
        # A little sooner than down, as these numbers are rounded.
        longest_s = self._down_time_s - _ROUNDING_S
        age_s = np.abs(ask.now.timestamp() - candidates.column(_seen_up_at))
        found: list[int] = np.flatnonzero(~(age_s < longest_s)).tolist()
        return found


def _seen_up_at(host: HostView) -> float:
    """Seconds since 1970; NaN for a host that is not willing."""
    if not host.is_enabled or host.forced_down or host.last_seen_up is None:
        return nan
    return host.last_seen_up.timestamp()
