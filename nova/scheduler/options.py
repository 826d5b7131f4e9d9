"""The scheduler's options as values."""

from __future__ import annotations

from oslo_config import cfg

from nova.scheduler.decision import Rules
from nova.scheduler.filters import FilterOptions, load_filters
from nova.scheduler.weights import load_weighers

_SUFFIX = "_weight_multiplier"


def rules_from_conf(conf: cfg.ConfigOpts) -> Rules:
    """How ``[filter_scheduler]`` says that hosts are chosen.

    :raises Invalid: it names a class that is not there; one line for the operator.
    """
    group = conf.filter_scheduler
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
    )
    multipliers = {
        name.removesuffix(_SUFFIX): group[name] for name in group if name.endswith(_SUFFIX)
    }
    return Rules(
        filters=load_filters(
            available=group.available_filters, enabled=group.enabled_filters, options=options
        ),
        weighers=load_weighers(classes=group.weight_classes, multipliers=multipliers),
        host_subset_size=group.host_subset_size,
        shuffle_equal=group.shuffle_best_same_weighed_hosts,
    )
