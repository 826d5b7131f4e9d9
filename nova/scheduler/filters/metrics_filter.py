"""Does the host report what the weigher of metrics counts."""

from __future__ import annotations

from typing import Self

from nova.scheduler.filters.filter import Filter, FilterOptions, Reason
from nova.scheduler.host_view import Ask, HostView


class MetricsFilter(Filter):
    """Hosts that report every metric which ``[metrics] weight_setting`` names."""

    def __init__(self, *, metrics: tuple[str, ...] = ()) -> None:
        self._metrics = metrics

    @classmethod
    def from_options(cls, options: FilterOptions) -> Self:
        return cls(metrics=options.weighed_metrics)

    def applies(self, ask: Ask) -> bool:
        return bool(self._metrics)

    def reject(self, host: HostView, ask: Ask) -> Reason | None:
        missing = [name for name in self._metrics if name not in host.metrics]
        return self.because(f"does not report {', '.join(missing)}") if missing else None
