"""The scheduler's options as values."""

from __future__ import annotations

from collections.abc import Iterable
from math import isfinite

from oslo_config import cfg

from groundwork.errors import Invalid
from nova.scheduler.decision import Rules
from nova.scheduler.filters import Filter, FilterOptions, load_filters
from nova.scheduler.filters.availability_zone_filter import AvailabilityZoneFilter
from nova.scheduler.prefilters import PrefilterOptions, load_prefilters
from nova.scheduler.weights import WeigherOptions, load_weighers

_SUFFIX = "_weight_multiplier"


def rules_from_conf(conf: cfg.ConfigOpts) -> Rules:
    """How ``[filter_scheduler]``, ``[metrics]`` and ``[scheduler]`` say that hosts are chosen.

    :raises Invalid: it names a class that is not there, a weight that is no number, or what this release cannot do; one
        line for the operator.
    """
    group = conf.filter_scheduler
    if group.pci_in_placement:
        raise Invalid(
            "[filter_scheduler] pci_in_placement cannot be true: PCI devices are claimed on hosts, not in Placement."
        )
    metrics = _weights(conf.metrics.weight_setting, option="[metrics] weight_setting", of="METRIC")
    options = FilterOptions(
        service_down_time_s=conf.service_down_time,
        max_io_ops_per_host=group.max_io_ops_per_host,
        max_instances_per_host=group.max_instances_per_host,
        image_properties_default_architecture=group.image_properties_default_architecture,
        isolated_images=tuple(group.isolated_images),
        isolated_hosts=tuple(group.isolated_hosts),
        restrict_isolated_hosts_to_isolated_images=group.restrict_isolated_hosts_to_isolated_images,
        aggregate_image_properties_isolation_namespace=group.aggregate_image_properties_isolation_namespace,
        aggregate_image_properties_isolation_separator=group.aggregate_image_properties_isolation_separator,
        weighed_metrics=tuple(metrics),
    )
    multipliers = {
        name.removesuffix(_SUFFIX): group[name] for name in group if name.endswith(_SUFFIX)
    }
    multipliers["metrics"] = conf.metrics.weight_multiplier
    return Rules(
        filters=_with_zones(
            load_filters(
                available=group.available_filters, enabled=group.enabled_filters, options=options
            )
        ),
        weighers=load_weighers(
            classes=group.weight_classes,
            multipliers=multipliers,
            options=WeigherOptions(
                image_props_weights=_weights(
                    group.image_props_weight_setting,
                    option="[filter_scheduler] image_props_weight_setting",
                    of="PROPERTY",
                ),
                metrics_weights=metrics,
                metrics_required=conf.metrics.required,
                metrics_weight_of_unavailable=conf.metrics.weight_of_unavailable,
            ),
        ),
        host_subset_size=group.host_subset_size,
        shuffle_equal=group.shuffle_best_same_weighed_hosts,
        prefilters=load_prefilters(_prefilter_options(conf)),
    )


def _with_zones(filters: tuple[Filter, ...]) -> tuple[Filter, ...]:
    """The filters, and that of zones if it is not enabled.

    Zones hold in other deployments whose lists of filters do not name one. The prefilter alone would let servers for
    the default zone, and for a zone that is gone, onto hosts of any.
    """
    if any(type(f).__name__ == AvailabilityZoneFilter.__name__ for f in filters):
        return filters
    return (*filters, AvailabilityZoneFilter())


def _prefilter_options(conf: cfg.ConfigOpts) -> PrefilterOptions:
    group = conf.scheduler
    return PrefilterOptions(
        limit_tenants_to_placement_aggregate=group.limit_tenants_to_placement_aggregate,
        placement_aggregate_required_for_tenants=group.placement_aggregate_required_for_tenants,
        query_placement_for_image_type_support=group.query_placement_for_image_type_support,
        enable_isolated_aggregate_filtering=group.enable_isolated_aggregate_filtering,
        image_metadata_prefilter=group.image_metadata_prefilter,
        default_availability_zone=conf.default_availability_zone,
    )


def _weights(settings: Iterable[str], *, option: str, of: str) -> dict[str, float]:
    """``os_distro=2`` and so on."""
    weights = {}
    for setting in settings:
        name, _, number = setting.partition("=")
        try:
            weights[name.strip()] = _finite(number)
        except ValueError:
            raise Invalid(f"{option}: {setting!r} is not {of}=NUMBER.") from None
    return weights


def _finite(text: str) -> float:
    """A number by which others can be multiplied: NaN and infinities would make all weights meaningless."""
    number = float(text)
    if not isfinite(number):
        raise ValueError(text)
    return number
