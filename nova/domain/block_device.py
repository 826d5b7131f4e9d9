"""Disks of a server, as the request to create it named them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec


class BlockDevice(msgspec.Struct, frozen=True):
    """One disk. A struct, as lists of servers make many; ``msgspec.structs.replace`` makes a changed copy.

    ``destination_type`` ``local`` is a disk on the server's host, ``volume`` a volume of the block storage service.
    """

    uuid: str
    source_type: str
    destination_type: str
    #: 0 is the disk that the guest boots from; None is never booted from.
    boot_index: int | None = None
    #: Where the guest may see it, such as ``/dev/vdb``: a hint.
    device_name: str | None = None
    volume_id: str | None = None
    image_id: str | None = None
    #: GiB; MiB for swap.
    volume_size: int | None = None
    guest_format: str | None = None
    disk_bus: str | None = None
    device_type: str | None = None
    delete_on_termination: bool = False
    tag: str | None = None
    #: The block storage service's record that the volume is this server's; None while there is none.
    attachment_id: str | None = None
    #: How the server's host reaches the volume. May hold secrets: never shown, and not read for lists.
    connection_info: Mapping[str, Any] | None = None

    @property
    def is_volume(self) -> bool:
        """Whether it is a volume."""
        return self.destination_type == "volume"
