"""A server as the plane sees it between its rooms: one immutable picture of its row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NewType

import msgspec

from nova.domain.block_device import BlockDevice
from nova.domain.flavor import Flavor
from nova.domain.moment import Moment

ServerUuid = NewType("ServerUuid", str)
HostName = NewType("HostName", str)


class Server(msgspec.Struct, frozen=True):
    """A server that lives in a cell, or that is still a build request (``host`` and ``id`` unset then).

    A struct and no dataclass, because lists make thousands of them in a second: of this many fields a frozen dataclass
    takes five times as long to make. ``msgspec.structs.replace`` makes a changed copy.
    """

    uuid: str
    project_id: str
    user_id: str
    display_name: str | None
    flavor: Flavor
    vm_state: str
    created_at: Moment
    id: int = 0
    display_description: str | None = None
    hostname: str | None = None
    task_state: str | None = None
    power_state: int | None = 0
    progress: int = 0
    host: str | None = None
    node: str | None = None
    availability_zone: str | None = None
    #: The zone that the user asked for; the server never leaves it.
    pinned_availability_zone: str | None = None
    image_ref: str | None = None
    image_properties: Mapping[str, Any] = msgspec.field(default_factory=dict)
    kernel_id: str | None = None
    ramdisk_id: str | None = None
    key_name: str | None = None
    key_data: str | None = None
    #: Base64 text as the client sent it.
    user_data: str | None = None
    config_drive: bool = False
    reservation_id: str | None = None
    launch_index: int = 0
    launched_at: Moment | None = None
    terminated_at: Moment | None = None
    updated_at: Moment | None = None
    deleted_at: Moment | None = None
    #: 0 while the server lives.
    deleted: int = 0
    locked_by: str | None = None
    locked_reason: str | None = None
    access_ip_v4: str | None = None
    access_ip_v6: str | None = None
    auto_disk_config: bool = True
    root_device_name: str | None = None
    metadata: Mapping[str, str] = msgspec.field(default_factory=dict)
    security_groups: tuple[str, ...] = ()
    scheduler_hints: Mapping[str, Any] | None = None
    trusted_certs: tuple[str, ...] | None = None
    tags: tuple[str, ...] = ()
    #: Only what the request named, by device name; a root disk made from the image may have no record.
    block_devices: tuple[BlockDevice, ...] = ()

    @property
    def volumes(self) -> tuple[BlockDevice, ...]:
        """Its devices that are volumes."""
        return tuple(device for device in self.block_devices if device.is_volume)

    @property
    def is_deleted(self) -> bool:
        """Whether only the record of it is left."""
        return self.deleted != 0
