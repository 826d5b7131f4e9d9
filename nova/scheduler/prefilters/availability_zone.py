"""Hosts of the zone that was asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from nova.db.api.aggregates import ZONE_KEY
from nova.domain.request_spec import RequestSpec
from nova.scheduler.host_view import AggregateView
from nova.scheduler.prefilters.prefilter import Prefilter, PrefilterOptions
from nova.scheduler.prefilters.restriction import Membership, Restriction


class AvailabilityZone(Prefilter):
    """Hosts in the aggregates that make the requested zone.

    The default zone is that of hosts in no aggregate, and a zone that no aggregate makes has no hosts; both are left to
    the AvailabilityZoneFilter. A forced host is taken as it is, ``nova:host`` is how operators name a host of any zone.
    """

    def __init__(self, *, default_zone: str = "nova") -> None:
        self._default_zone = default_zone

    @classmethod
    def from_options(cls, options: PrefilterOptions) -> Self:
        return cls(default_zone=options.default_availability_zone)

    def looks_at_aggregates(self, spec: RequestSpec) -> bool:
        is_forced = spec.forced_host or spec.forced_node
        return spec.availability_zone not in (None, "", self._default_zone) and not is_forced

    def restrict(self, spec: RequestSpec, aggregates: Sequence[AggregateView]) -> Restriction:
        if not self.looks_at_aggregates(spec):
            return Restriction()
        zone = spec.availability_zone
        making = tuple(sorted(a.uuid for a in aggregates if a.metadata.get(ZONE_KEY) == zone))
        if not making:
            return Restriction()
        told = f"member of the aggregates of availability zone {zone}"
        return Restriction(member_of=(Membership(making, told),))
