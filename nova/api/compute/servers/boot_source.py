"""What a new server boots from, and the volumes that it is to have, as the user sees them."""

from __future__ import annotations

from collections.abc import Sequence

from groundwork.errors import Forbidden, Invalid, NotFound
from groundwork.operations import Call
from nova.api.compute.servers.block_devices import root_volume
from nova.clients.glance import Image, Images
from nova.clients.volumes import UserVolumes, Volume
from nova.domain.block_device import BlockDevice

_MULTIATTACH = (2, 60)
# What Cinder tells of the image that a volume was made from, besides its properties.
_NO_PROPERTIES = frozenset(
    "image_id image_name checksum container_format disk_format min_disk min_ram size".split()
)


class BootSource:
    """Finds and checks images and volumes."""

    def __init__(self, *, images: Images, volumes: UserVolumes | None) -> None:
        """``volumes`` None: this deployment has none."""
        self._images = images
        self._volumes = volumes

    def find(
        self, call: Call, image_id: str | None, devices: Sequence[BlockDevice], server_count: int
    ) -> Image:
        """The image, or what the root volume says of the image that it was made from (with an empty id).

        :raises Invalid: an image or volume is not there, or not in a state to be used.
        """
        volumes = {
            device.volume_id: self._volume(call, device.volume_id or "", server_count)
            for device in devices
            if device.is_volume
        }
        root = root_volume(devices)
        if root is not None:
            return _image_of(volumes[root.volume_id])
        assert image_id is not None, "without an image the devices have a root volume"
        return self._image(call, image_id)

    def _image(self, call: Call, image_id: str) -> Image:
        try:
            image = self._images.get(call.context, image_id)
        except NotFound as exc:
            raise Invalid("Can not find requested image") from exc
        if image.status != "active":
            raise Invalid(f"Image {image_id} is not active.")
        return image

    def _volume(self, call: Call, volume_id: str, server_count: int) -> Volume:
        if self._volumes is None:
            raise _invalid("volumes cannot be attached, no volume service is configured.")
        try:
            volume = self._volumes.get(call.context, call.context.project, volume_id)
        except (NotFound, Forbidden) as exc:
            raise _invalid(f"failed to get volume {volume_id}.") from exc
        if volume.is_multiattach and call.version < _MULTIATTACH:
            raise Invalid(
                "Volume can be attached to several servers, which requires microversion 2.60."
            )
        is_shared = volume.is_multiattach and volume.status == "in-use"
        if volume.status != "available" and not is_shared:
            raise Invalid(f"Volume {volume_id} is {volume.status}, it must be available.")
        if server_count > 1 and not volume.is_multiattach:
            raise Invalid("Several servers cannot be given the same volume.")
        return volume


def _image_of(volume: Volume) -> Image:
    """:raises Invalid: nobody can boot from it."""
    if not volume.is_bootable:
        raise _invalid(f"volume {volume.id} is not bootable.")
    told = volume.image
    image = Image(
        id="",
        name=told.get("image_name"),
        status="active",
        size_bytes=None,
        min_disk_gb=_number(told.get("min_disk")),
        min_ram_mb=_number(told.get("min_ram")),
        disk_format=told.get("disk_format"),
        container_format=told.get("container_format"),
        visibility="private",
        owner=None,
        properties={name: value for name, value in told.items() if name not in _NO_PROPERTIES},
    )
    if image.min_disk_gb > volume.size_gb:
        raise Invalid(
            f"Volume {volume.id} is smaller than the minimum size specified in image metadata."
        )
    return image


def _number(text: str | None) -> int:
    return int(text) if text and text.isdecimal() else 0


def _invalid(why: str) -> Invalid:
    return Invalid(f"Block Device Mapping is Invalid: {why}")
