"""Hosts that can use the format in which the image is stored."""

from __future__ import annotations

from collections.abc import Sequence

from nova.domain.request_spec import RequestSpec
from nova.scheduler.host_view import AggregateView
from nova.scheduler.prefilters.prefilter import Prefilter
from nova.scheduler.prefilters.restriction import Restriction
from nova.scheduler.prefilters.trait_names import trait_name


class ImageType(Prefilter):
    """Hosts with the trait ``COMPUTE_IMAGE_TYPE_<FORMAT>`` of the image's disk format.

    A server that boots from a volume does not care: the host never sees the image.
    """

    option = "query_placement_for_image_type_support"

    def looks_at_aggregates(self, spec: RequestSpec) -> bool:
        return False

    def restrict(self, spec: RequestSpec, aggregates: Sequence[AggregateView]) -> Restriction:
        disk_format = spec.image_properties.get("disk_format")
        if spec.is_volume_backed or not disk_format:
            return Restriction()
        return Restriction(required=(trait_name("COMPUTE_IMAGE_TYPE", str(disk_format)),))
