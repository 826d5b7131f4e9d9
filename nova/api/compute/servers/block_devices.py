"""Block devices of a create request: from either of their two forms to the server's records.

What comes from an image or a blank disk is made on the server's host, what is a volume already is attached. Making
volumes on the way (from an image, a snapshot or nothing) is refused.
"""

from __future__ import annotations

import string
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from groundwork.errors import Invalid
from nova.api.fields import as_boolean
from nova.domain.block_device import BlockDevice
from nova.domain.flavor import Flavor

_SWAP = "swap"
_LETTERS = string.ascii_lowercase


def read_devices(body: Mapping[str, Any]) -> tuple[BlockDevice, ...]:
    """The devices that the body's ``server`` names, each with a place in the guest.

    :raises Invalid: one makes no sense, they do not go together, or they do not give one root disk.
    """
    old, new = body.get("block_device_mapping"), body.get("block_device_mapping_v2")
    if old is not None and new is not None:
        raise Invalid(
            "Using different block_device_mapping syntaxes is not allowed in the same request."
        )
    image_id = body.get("imageRef") or None
    if new is not None:
        devices = [_from_new(device, image_id) for device in new if not _is_left_out(device)]
    else:
        wanted = [device for device in old or () if not _is_left_out(device)]
        devices = [
            _from_old(device, is_root=image_id is None and at == 0)
            for at, device in enumerate(wanted)
        ]
    _check_together(devices, has_image=image_id is not None)
    return _named(devices)


def root_volume(devices: Iterable[BlockDevice]) -> BlockDevice | None:
    """The volume that the guest boots from, if it does."""
    return next((d for d in devices if d.is_volume and d.boot_index == 0), None)


def check_sizes(devices: Iterable[BlockDevice], flavor: Flavor) -> None:
    """:raises Invalid: the disks to be made on the host are more than the flavor has."""
    blanks = [device for device in devices if device.source_type == "blank"]
    swaps = [device for device in blanks if device.guest_format == _SWAP]
    if len(swaps) > 1:
        raise _invalid("more than one swap drive was requested.")
    if sum(device.volume_size or 0 for device in swaps) > flavor.swap_mb:
        raise _invalid("the swap drive is larger than the flavor allows.")
    ephemerals = sum(device.volume_size or 0 for device in blanks if device not in swaps)
    if ephemerals > flavor.ephemeral_gb:
        raise _invalid("the ephemeral disks are larger than the flavor allows.")


def _is_left_out(device: Mapping[str, Any]) -> bool:
    """``no_device`` takes away what an image would bring along; images bring nothing along here."""
    no_device = device.get("no_device")
    return no_device is not None and str(no_device).lower() not in ("", "false", "0", "no", "off")


def _from_new(device: Mapping[str, Any], image_id: str | None) -> BlockDevice:
    source = device.get("source_type")
    if source is None:
        raise _invalid("source_type is missing.")
    default = "volume" if source in ("volume", "snapshot") else "local"
    destination = device.get("destination_type", default)
    boot_index = _boot_index(device.get("boot_index"))
    made = BlockDevice(
        uuid=str(uuid.uuid4()),
        source_type=source,
        destination_type=destination,
        boot_index=boot_index,
        device_name=_device_name(device),
        volume_size=_size(device),
        guest_format=device.get("guest_format"),
        disk_bus=device.get("disk_bus"),
        device_type=device.get("device_type"),
        delete_on_termination=as_boolean(device.get("delete_on_termination", False)),
        tag=device.get("tag"),
    )
    named = device.get("uuid")
    match source, destination:
        case "volume", "volume":
            return replace(made, volume_id=_volume_id(named or device.get("volume_id")))
        case "image", "local":
            if boot_index != 0:
                raise _invalid("mapping an image to a local disk is for the boot disk only.")
            if image_id is None or (named or device.get("image_id")) != image_id:
                raise Invalid("The image of the boot disk and imageRef must be the same.")
            return replace(made, image_id=image_id, delete_on_termination=True)
        case "blank", "local":
            if named is not None:
                raise _invalid("a blank disk is made of nothing, it has no uuid.")
            if boot_index is not None:
                raise _invalid("a blank disk cannot be booted from.")
            return replace(made, delete_on_termination=True)
        case _, "volume":
            raise _invalid(
                f"making a volume from source_type {source} is not supported; attach one that exists."
            )
    raise _invalid(f"mapping a {source} to a local disk is not supported.")


def _from_old(device: Mapping[str, Any], *, is_root: bool) -> BlockDevice:
    """The form of 2012: volumes and snapshots only; without an image the first is booted from."""
    if device.get("snapshot_id") or not device.get("volume_id"):
        raise _invalid("only volumes that exist can be attached.")
    return BlockDevice(
        uuid=str(uuid.uuid4()),
        source_type="volume",
        destination_type="volume",
        boot_index=0 if is_root else None,
        device_name=_device_name(device),
        volume_id=_volume_id(device["volume_id"]),
        volume_size=_size(device),
        delete_on_termination=as_boolean(device.get("delete_on_termination", False)),
    )


def _boot_index(value: int | str | None) -> int | None:
    """Negative is never, like none at all."""
    if value is None or (isinstance(value, str) and len(value) > 9):
        return None
    index = int(value)
    return index if index >= 0 else None


def _size(device: Mapping[str, Any]) -> int | None:
    text = device.get("volume_size")
    if text in (None, ""):
        return None
    if len(str(text)) > 9:
        raise _invalid("volume_size is too large.")
    return int(str(text))


def _volume_id(text: str | None) -> str:
    try:
        return str(uuid.UUID(text or ""))
    except ValueError as exc:
        raise _invalid(f"{text} is not the id of a volume.") from exc


def _device_name(device: Mapping[str, Any]) -> str | None:
    name = device.get("device_name")
    if not name:
        return None
    return str(name) if name.startswith("/dev/") else f"/dev/{name}"


def _check_together(devices: Sequence[BlockDevice], *, has_image: bool) -> None:
    indexes = sorted(d.boot_index for d in devices if d.boot_index is not None)
    if has_image and not any(device.source_type == "image" for device in devices):
        # The image itself is the first disk.
        indexes = [0, *indexes]
    if not indexes or indexes[0] != 0:
        if not has_image and not indexes:
            raise Invalid("Missing imageRef attribute")
        raise _invalid("no disk has boot index 0.")
    if indexes != list(range(len(indexes))):
        raise _invalid(
            "boot sequence for the instance and image/block device mapping combination is not valid."
        )
    for what in ("volume_id", "tag", "device_name"):
        given = [value for d in devices if (value := getattr(d, what)) is not None]
        if len(set(given)) < len(given):
            raise _invalid(f"two devices have the same {what}.")


def _named(devices: Sequence[BlockDevice]) -> tuple[BlockDevice, ...]:
    """Each device with a name; ``/dev/vda`` is kept for the root disk, which may come from the image alone."""
    taken = {device.device_name for device in devices}
    free = (name for name in _names() if name not in taken)
    root = next(free) if "/dev/vda" not in taken else "/dev/vda"
    return tuple(
        replace(
            device,
            device_name=device.device_name or (root if device.boot_index == 0 else next(free)),
        )
        for device in devices
    )


def _names() -> Iterable[str]:
    for first in ("", *_LETTERS):
        for last in _LETTERS:
            yield f"/dev/vd{first}{last}"


def _invalid(why: str) -> Invalid:
    return Invalid(f"Block Device Mapping is Invalid: {why}")
