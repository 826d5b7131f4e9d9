"""Can this host do it: one small pure class per constraint.

A filter sees one :class:`~nova.scheduler.host_view.HostView` and the request, and gives a reason or None. Operators
name the classes that may be used in ``[filter_scheduler] available_filters`` and those that are, by class name, in
``enabled_filters``; a class of their own derives from :class:`Filter`, or has the ``host_passes`` of other releases.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from groundwork.errors import Invalid
from nova.scheduler.filters.aggregate_filters import (
    AggregateImagePropertiesIsolation,
    AggregateInstanceExtraSpecsFilter,
    AggregateMultiTenancyIsolation,
    AggregateTypeAffinityFilter,
)
from nova.scheduler.filters.all_hosts_filter import AllHostsFilter
from nova.scheduler.filters.availability_zone_filter import AvailabilityZoneFilter
from nova.scheduler.filters.cidr_affinity_filter import SimpleCIDRAffinityFilter
from nova.scheduler.filters.compute_capabilities_filter import ComputeCapabilitiesFilter
from nova.scheduler.filters.compute_filter import ComputeFilter
from nova.scheduler.filters.filter import Filter, FilterOptions, Reason
from nova.scheduler.filters.foreign_filter import BaseHostFilter, filter_of
from nova.scheduler.filters.hardware_filters import NUMATopologyFilter, PciPassthroughFilter
from nova.scheduler.filters.image_properties_filter import ImagePropertiesFilter
from nova.scheduler.filters.isolated_hosts_filter import IsolatedHostsFilter
from nova.scheduler.filters.json_filter import JsonFilter
from nova.scheduler.filters.load_filters import (
    AggregateIoOpsFilter,
    AggregateNumInstancesFilter,
    IoOpsFilter,
    NumInstancesFilter,
)
from nova.scheduler.filters.metrics_filter import MetricsFilter
from nova.scheduler.filters.near_servers_filter import DifferentHostFilter, SameHostFilter
from nova.scheduler.filters.server_group_filters import (
    ServerGroupAffinityFilter,
    ServerGroupAntiAffinityFilter,
)
from nova.scheduler.plugins import load_classes

__all__ = ["BaseHostFilter", "Filter", "FilterOptions", "Reason", "all_filters", "load_filters"]


def all_filters() -> tuple[type[Filter], ...]:
    """Every filter that comes with the scheduler."""
    return (
        AggregateImagePropertiesIsolation,
        AggregateInstanceExtraSpecsFilter,
        AggregateIoOpsFilter,
        AggregateMultiTenancyIsolation,
        AggregateNumInstancesFilter,
        AggregateTypeAffinityFilter,
        AllHostsFilter,
        AvailabilityZoneFilter,
        ComputeCapabilitiesFilter,
        ComputeFilter,
        DifferentHostFilter,
        ImagePropertiesFilter,
        IoOpsFilter,
        IsolatedHostsFilter,
        JsonFilter,
        MetricsFilter,
        NUMATopologyFilter,
        NumInstancesFilter,
        PciPassthroughFilter,
        ServerGroupAffinityFilter,
        ServerGroupAntiAffinityFilter,
        SameHostFilter,
        SimpleCIDRAffinityFilter,
    )


def load_filters(
    *, available: Iterable[str], enabled: Sequence[str], options: FilterOptions
) -> tuple[Filter, ...]:
    """The filters in use, in the order in which they are asked.

    :param available: class paths, or paths of functions that list classes.
    :param enabled: class names.
    :raises Invalid: a path leads nowhere, or an enabled filter is not available; one line for the operator.
    """
    found = load_classes(available, Filter, own=all_filters(), adapt=filter_of)
    known = {each.__name__: each for each in found}
    unknown = [name for name in enabled if name not in known]
    if unknown:
        raise Invalid(
            f"[filter_scheduler] enabled_filters names {', '.join(unknown)}, which available_filters does not offer."
        )
    return tuple(known[name].from_options(options) for name in enabled)
