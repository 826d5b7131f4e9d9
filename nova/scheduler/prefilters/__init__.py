"""Which hosts are worth asking Placement for: one small pure class for each reason to leave hosts out.

A prefilter turns a request and the host aggregates into a :class:`Restriction`: aggregates, whose mirror Placement has,
and traits. All of them together become part of the question (``demand.py``), so what they remove is never read,
filtered or weighed. They know no single host; that is for ``filters/``.
"""

from __future__ import annotations

from nova.scheduler.prefilters.availability_zone import AvailabilityZone
from nova.scheduler.prefilters.image_metadata import ImageMetadata
from nova.scheduler.prefilters.image_type import ImageType
from nova.scheduler.prefilters.isolated_aggregates import IsolatedAggregates
from nova.scheduler.prefilters.prefilter import Prefilter, PrefilterOptions
from nova.scheduler.prefilters.restriction import Exclusion, Membership, Restriction, combine
from nova.scheduler.prefilters.tenant_isolation import TenantIsolation

__all__ = [
    "Exclusion",
    "Membership",
    "Prefilter",
    "PrefilterOptions",
    "Restriction",
    "all_prefilters",
    "combine",
    "load_prefilters",
]


def all_prefilters() -> tuple[type[Prefilter], ...]:
    """Every prefilter, in the order in which refusals name them."""
    return (TenantIsolation, AvailabilityZone, IsolatedAggregates, ImageType, ImageMetadata)


def load_prefilters(options: PrefilterOptions) -> tuple[Prefilter, ...]:
    """The prefilters that are switched on."""
    return tuple(
        each.from_options(options)
        for each in all_prefilters()
        if each.option is None or getattr(options, each.option)
    )
