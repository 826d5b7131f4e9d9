"""How well can this host do it: one small pure class per preference.

Operators name classes in ``[filter_scheduler] weight_classes``; a class of their own derives from :class:`Weigher`,
or has the ``_weigh_object`` of other releases.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from nova.scheduler.plugins import load_classes
from nova.scheduler.weights.cross_cell import CrossCellWeigher
from nova.scheduler.weights.foreign_weigher import BaseHostWeigher, weigher_of
from nova.scheduler.weights.image_props import ImagePropertiesWeigher
from nova.scheduler.weights.metrics import MetricsWeigher
from nova.scheduler.weights.pci import PCIWeigher
from nova.scheduler.weights.server_group_weighers import (
    ServerGroupSoftAffinityWeigher,
    ServerGroupSoftAntiAffinityWeigher,
)
from nova.scheduler.weights.standard_weighers import (
    BuildFailureWeigher,
    CPUWeigher,
    DiskWeigher,
    HypervisorVersionWeigher,
    IoOpsWeigher,
    NumInstancesWeigher,
    RAMWeigher,
)
from nova.scheduler.weights.weigher import Weigher, WeigherOptions

__all__ = ["BaseHostWeigher", "Weigher", "WeigherOptions", "all_weighers", "load_weighers"]


def all_weighers() -> tuple[type[Weigher], ...]:
    """Every weigher that comes with the scheduler."""
    return (
        RAMWeigher,
        CPUWeigher,
        DiskWeigher,
        IoOpsWeigher,
        NumInstancesWeigher,
        HypervisorVersionWeigher,
        ServerGroupSoftAffinityWeigher,
        ServerGroupSoftAntiAffinityWeigher,
        ImagePropertiesWeigher,
        MetricsWeigher,
        PCIWeigher,
        BuildFailureWeigher,
        CrossCellWeigher,
    )


_DEFAULTS = WeigherOptions()


def load_weighers(
    *,
    classes: Iterable[str],
    multipliers: Mapping[str, float],
    options: WeigherOptions = _DEFAULTS,
) -> tuple[Weigher, ...]:
    """The weighers in use.

    :param classes: class paths, or paths of functions that list classes.
    :param multipliers: by the name of the weigher (``ram``); those not named count once.
    :raises Invalid: a path leads nowhere; one line for the operator.
    """
    return tuple(
        found.from_options(options, multiplier=multipliers.get(found.name, 1.0))
        for found in load_classes(classes, Weigher, own=all_weighers(), adapt=weigher_of)
    )
