"""Has the host as many servers, or as many at work, as its operator wants at most.

Servers count from the moment in which this process sends them to a host; those that other scheduler processes send
count some seconds later, and so many may be too many (``nova/scheduler/arrivals.py``).
"""

from __future__ import annotations

from typing import ClassVar, Self

from nova.scheduler.filters.filter import Filter, FilterOptions, Reason
from nova.scheduler.host_view import Ask, HostView


class NumInstancesFilter(Filter):
    """Hosts with fewer than ``limit`` servers."""

    needs_counts: ClassVar[bool] = True

    def __init__(self, *, limit: int = 50) -> None:
        self._limit = limit

    @classmethod
    def from_options(cls, options: FilterOptions) -> Self:
        return cls(limit=options.max_instances_per_host)

    def reject(self, host: HostView, ask: Ask) -> Reason | None:
        limit = self.limit_of(host)
        if host.num_instances < limit:
            return None
        return self.because(f"{host.num_instances} servers, limit {limit}")

    def limit_of(self, host: HostView) -> int:
        """The limit that counts for this host."""
        return self._limit


class AggregateNumInstancesFilter(NumInstancesFilter):
    """The same; the smallest ``max_instances_per_host`` of the host's aggregates counts before the option."""

    def limit_of(self, host: HostView) -> int:
        return _smallest(host, "max_instances_per_host", self._limit)


class IoOpsFilter(Filter):
    """Hosts with fewer than ``limit`` servers that are being built, moved, snapshotted or the like."""

    needs_counts: ClassVar[bool] = True

    def __init__(self, *, limit: int = 8) -> None:
        self._limit = limit

    @classmethod
    def from_options(cls, options: FilterOptions) -> Self:
        return cls(limit=options.max_io_ops_per_host)

    def reject(self, host: HostView, ask: Ask) -> Reason | None:
        limit = self.limit_of(host)
        if host.num_io_ops < limit:
            return None
        return self.because(f"{host.num_io_ops} servers at work, limit {limit}")

    def limit_of(self, host: HostView) -> int:
        """The limit that counts for this host."""
        return self._limit


class AggregateIoOpsFilter(IoOpsFilter):
    """The same; the smallest ``max_io_ops_per_host`` of the host's aggregates counts before the option."""

    def limit_of(self, host: HostView) -> int:
        return _smallest(host, "max_io_ops_per_host", self._limit)


def _smallest(host: HostView, key: str, otherwise: int) -> int:
    """Metadata is free text: what is no number is as good as not there."""
    said = [int(v) for v in host.aggregate_values(key) if v.isascii() and v.isdigit()]
    return min(said, default=otherwise)
