"""What operations do with the volumes of a server. Everything is keyed by server and volume, and may be repeated.

A volume is a server's by an attachment in Cinder. While a server is built it has one at any time: made before a host is
chosen, given another one when the host changes (so that the volume is never free in between), and deleted when the
build is given up or the server is deleted.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Protocol

from msgspec.structs import replace

from groundwork.errors import Conflict, NotSupported
from nova.clients.volumes import Attachments
from nova.domain.block_device import BlockDevice
from nova.domain.server import Server
from nova.virt.driver import Driver, VolumeHost

LOG = logging.getLogger(__name__)


class Tools(Protocol):
    """The tools of any place."""

    @property
    def attachments(self) -> Attachments | None: ...


def has_volumes(server: Server, _payload: Any) -> bool:
    """Whether steps about volumes are needed."""
    return bool(server.volumes)


def reserve(tools: Tools, server: Server) -> tuple[BlockDevice, ...]:
    """Keep the volumes for the server; its devices with the attachments.

    :raises Invalid: a volume is gone, or somebody else has it.
    """
    attachments = _of(tools)
    return _each(
        server,
        lambda device, volume_id: replace(
            device, attachment_id=attachments.reserve(server.uuid, volume_id)
        ),
    )


def keep_for_another_host(tools: Tools, server: Server) -> tuple[BlockDevice, ...]:
    """Shut the present host out of the volumes, which stay the server's; its devices with new attachments."""
    attachments = _of(tools)
    return _each(
        server,
        lambda device, volume_id: replace(
            device,
            attachment_id=attachments.reserve(
                server.uuid, volume_id, instead_of=device.attachment_id
            ),
            connection_info=None,
        ),
    )


def connect(tools: Tools, driver: Driver, server: Server) -> tuple[BlockDevice, ...]:
    """Let this host in; the server's devices with how they are reached.

    :raises NotSupported: the driver has no volumes.
    :raises Conflict: Cinder refuses.
    """
    if not isinstance(driver, VolumeHost):
        raise NotSupported(f"Guests of the driver {driver.name} can have no volumes.")
    attachments, connector = _of(tools), driver.volume_connector()
    return _each(
        server,
        lambda device, _volume_id: replace(
            device, connection_info=attachments.connect(device.attachment_id or "", connector)
        ),
    )


def complete(tools: Tools, server: Server) -> None:
    """Tell Cinder that the guest has its volumes."""
    attachments = _of(tools)
    for device in server.volumes:
        attachments.complete(device.attachment_id or "")


def release(tools: Tools, server: Server) -> tuple[BlockDevice, ...]:
    """Set the volumes free, whatever attachments of them the server has; its devices without any."""
    attachments = _of(tools)
    for device in server.volumes:
        for attachment_id in attachments.of_server(server.uuid, device.volume_id or ""):
            attachments.delete(attachment_id)
    return _each(
        server,
        lambda device, _volume_id: replace(device, attachment_id=None, connection_info=None),
    )


def delete_those_that_go_along(tools: Tools, server: Server) -> None:
    """Delete the volumes that were to go with the server; after :func:`release`.

    One that Cinder keeps (it has snapshots, say) is left to its owner: the server's end does not wait for it.
    """
    for device in server.volumes:
        if device.delete_on_termination:
            try:
                _of(tools).delete_volume(device.volume_id or "")
            except Conflict as refusal:
                LOG.warning(
                    "volume %s stays when server %s is deleted: %s",
                    device.volume_id,
                    server.uuid,
                    refusal.internal,
                )


def _each(
    server: Server, change: Callable[[BlockDevice, str], BlockDevice]
) -> tuple[BlockDevice, ...]:
    return tuple(
        change(device, device.volume_id or "") if device.is_volume else device
        for device in server.block_devices
    )


def _of(tools: Tools) -> Attachments:
    """:raises Conflict: this process was given no way to Cinder."""
    if tools.attachments is None:
        raise Conflict("No block storage service is configured here: see group [cinder].")
    return tools.attachments
