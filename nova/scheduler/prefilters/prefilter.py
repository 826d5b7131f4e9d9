"""What a prefilter is: a small pure class that says of a request which hosts are worth asking Placement for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

from nova.domain.request_spec import RequestSpec
from nova.scheduler.host_view import AggregateView
from nova.scheduler.prefilters.restriction import Restriction


@dataclass(frozen=True, slots=True)
class PrefilterOptions:
    """What operators decide about prefilters; names and meaning as in ``[scheduler]`` and ``[DEFAULT]``."""

    limit_tenants_to_placement_aggregate: bool = False
    placement_aggregate_required_for_tenants: bool = False
    query_placement_for_image_type_support: bool = False
    enable_isolated_aggregate_filtering: bool = False
    image_metadata_prefilter: bool = False
    default_availability_zone: str = "nova"


class Prefilter:
    """One reason to leave hosts out. The same request and aggregates give the same restriction.

    Hosts that a request forces are restricted, too, unless a prefilter says otherwise: it is part of the question.
    """

    #: The option that switches it on; None: it is always on.
    option: ClassVar[str | None] = None

    @classmethod
    def from_options(cls, options: PrefilterOptions) -> Self:
        """The prefilter as configured; those without further options keep this."""
        return cls()

    def looks_at_aggregates(self, spec: RequestSpec) -> bool:
        """Whether they matter to this request. False saves reading them anew before it is refused."""
        return True

    def restrict(self, spec: RequestSpec, aggregates: Sequence[AggregateView]) -> Restriction:
        """Which hosts may be offered. ``aggregates`` are all host aggregates, those without hosts too."""
        raise NotImplementedError
