"""Hosts whose hypervisor has the devices that the image wants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nova.domain.request_spec import RequestSpec
from nova.scheduler.host_view import AggregateView
from nova.scheduler.prefilters.prefilter import Prefilter
from nova.scheduler.prefilters.restriction import Restriction
from nova.scheduler.prefilters.trait_names import trait_name

# Image properties that name a model, and the family of standard traits with one for each model.
_FAMILIES: Mapping[str, str] = {
    "hw_cdrom_bus": "COMPUTE_STORAGE_BUS",
    "hw_disk_bus": "COMPUTE_STORAGE_BUS",
    "hw_video_model": "COMPUTE_GRAPHICS_MODEL",
    "hw_vif_model": "COMPUTE_NET_VIF_MODEL",
}


class ImageMetadata(Prefilter):
    """Hosts with the traits of the buses and device models that the image's properties name."""

    option = "image_metadata_prefilter"

    def looks_at_aggregates(self, spec: RequestSpec) -> bool:
        return False

    def restrict(self, spec: RequestSpec, aggregates: Sequence[AggregateView]) -> Restriction:
        properties = spec.image_properties
        wanted = {
            trait_name(family, str(properties[name]))
            for name, family in _FAMILIES.items()
            if properties.get(name)
        }
        return Restriction(required=tuple(sorted(wanted)))
