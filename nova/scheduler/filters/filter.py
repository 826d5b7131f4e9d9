"""What a filter is: a small pure class that says of one host why it cannot take the request."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Self

from nova.scheduler.candidates import Candidate
from nova.scheduler.host_view import Ask, HostView
from nova.scheduler.lineup import Lineup


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a host was removed: the constraint by which hosts are counted, and the facts for the log."""

    constraint: str
    text: str


@dataclass(frozen=True, slots=True)
class FilterOptions:
    """What operators decide about filters; names and meaning as in ``[filter_scheduler]``, times in seconds."""

    service_down_time_s: int = 60
    max_io_ops_per_host: int = 8
    max_instances_per_host: int = 50
    image_properties_default_architecture: str | None = None
    isolated_images: tuple[str, ...] = ()
    isolated_hosts: tuple[str, ...] = ()
    restrict_isolated_hosts_to_isolated_images: bool = True
    aggregate_image_properties_isolation_namespace: str | None = None
    aggregate_image_properties_isolation_separator: str = "."
    #: Those of ``[metrics] weight_setting``.
    weighed_metrics: tuple[str, ...] = ()


class Filter:
    """One constraint. Filters keep nothing between calls: the same host and request give the same answer."""

    #: Whether the filter reads ``num_instances`` or ``num_io_ops``, which cost a query of each cell.
    needs_counts: ClassVar[bool] = False
    #: Whether the filter is asked even of a host that the request forces.
    holds_for_forced_hosts: ClassVar[bool] = False
    #: Whether the filter reads ``server_hosts`` of the request, which cost queries when hints name servers.
    needs_server_hosts: ClassVar[bool] = False
    #: Whether the filter wants to know what is free: then ``reject_candidate`` is asked.
    needs_room: ClassVar[bool] = False

    @classmethod
    def from_options(cls, options: FilterOptions) -> Self:
        """The filter as configured; those without options keep this."""
        return cls()

    def applies(self, ask: Ask) -> bool:
        """Whether this request can be refused at all; False saves looking at every host."""
        return True

    def reject(self, host: HostView, ask: Ask) -> Reason | None:
        """Why the host cannot take the request, None when it can."""
        raise NotImplementedError

    def reject_candidate(self, candidate: Candidate, ask: Ask) -> Reason | None:
        """As ``reject``, with what Placement says of the host's room at hand."""
        return self.reject(candidate.host, ask)

    def suspects(self, candidates: Lineup, ask: Ask) -> Iterable[int]:
        """Positions of all candidates that may be refused, and perhaps some others; these are asked about one by one.

        To be overridden only where that is faster. It is not asked in classes that derive from the one which has it
        and change ``reject`` or ``reject_candidate``.
        """
        return range(len(candidates))

    def because(self, text: str) -> Reason:
        """A reason that is counted under this filter's name."""
        return Reason(type(self).__name__, text)
