"""Projects on hosts of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from nova.domain.request_spec import RequestSpec
from nova.scheduler.host_view import AggregateView
from nova.scheduler.prefilters.prefilter import Prefilter, PrefilterOptions
from nova.scheduler.prefilters.restriction import Membership, Restriction

# With any suffix after it, so that an aggregate can be of several projects.
_KEY = "filter_tenant_id"

# The uuid that no aggregate has. Placement is asked for it where nothing suits, so that a refusal and a dry run count
# these hosts like those of any other demand.
_NO_AGGREGATE = "00000000-0000-0000-0000-000000000000"


class TenantIsolation(Prefilter):
    """Aggregates with ``filter_tenant_id`` are those of the projects that they name, and these stay on them.

    It does not keep other projects off: that is the filter AggregateMultiTenancyIsolation. A project without
    aggregates may go anywhere, or nowhere when ``required``.
    """

    option = "limit_tenants_to_placement_aggregate"

    def __init__(self, *, required: bool = False) -> None:
        self._required = required

    @classmethod
    def from_options(cls, options: PrefilterOptions) -> Self:
        return cls(required=options.placement_aggregate_required_for_tenants)

    def restrict(self, spec: RequestSpec, aggregates: Sequence[AggregateView]) -> Restriction:
        project = spec.project_id
        own = tuple(sorted(each.uuid for each in aggregates if _is_of(project, each)))
        if own:
            told = f"member of the aggregates of project {project}"
            return Restriction(member_of=(Membership(own, told),))
        if self._required:
            told = f"member of an aggregate of project {project} (there is none)"
            return Restriction(member_of=(Membership((_NO_AGGREGATE,), told),))
        return Restriction()


def _is_of(project: str, aggregate: AggregateView) -> bool:
    return any(
        key.startswith(_KEY) and value == project for key, value in aggregate.metadata.items()
    )
