"""Hosts that are kept for requests with certain traits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from nova.domain.request_spec import RequestSpec
from nova.scheduler.host_view import AggregateView
from nova.scheduler.prefilters.prefilter import Prefilter
from nova.scheduler.prefilters.restriction import Exclusion, Restriction

_PREFIX = "trait:"


class IsolatedAggregates(Prefilter):
    """Aggregates with metadata ``trait:NAME=required`` are for requests that require all these traits by themselves.

    A request requires a trait by the extra spec or the image property of the same name and value.
    """

    option = "enable_isolated_aggregate_filtering"

    def restrict(self, spec: RequestSpec, aggregates: Sequence[AggregateView]) -> Restriction:
        asked = {*_traits(spec.flavor.extra_specs), *_traits(spec.image_properties)}
        isolated = (
            Exclusion(
                aggregate.uuid,
                f"not member of isolated aggregate {aggregate.name} ({', '.join(lacking)} not asked for)",
            )
            for aggregate in aggregates
            if (lacking := sorted(set(_traits(aggregate.metadata)) - asked))
        )
        return Restriction(not_member_of=tuple(isolated))


def _traits(said: Mapping[str, Any]) -> Iterator[str]:
    for key, value in said.items():
        if key.startswith(_PREFIX) and value == "required":
            yield key.removeprefix(_PREFIX)
