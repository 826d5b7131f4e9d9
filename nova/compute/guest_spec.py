"""From a server to what its driver is told."""

from __future__ import annotations

from nova.domain.block_device import BlockDevice
from nova.domain.hardware import NO_PINS, Pins
from nova.domain.injected_file import InjectedFile
from nova.domain.server import Server
from nova.virt.guest import DiskSpec, GuestSpec


class GuestDescriber:
    """Describes servers of this host to the driver."""

    def __init__(self, *, instance_name_template: str) -> None:
        self._template = instance_name_template

    def describe(
        self,
        server: Server,
        admin_password: str | None,
        pins: Pins = NO_PINS,
        *,
        files: tuple[InjectedFile, ...] = (),
    ) -> GuestSpec:
        """All that the driver needs to make the guest; ``pins`` is what it holds of the host by number."""
        flavor = server.flavor
        return GuestSpec(
            uuid=server.uuid,
            name=server.display_name or server.uuid,
            instance_name=instance_name(self._template, server),
            project_id=server.project_id,
            user_id=server.user_id,
            node=server.node or "",
            vcpus=flavor.vcpus,
            memory_mb=flavor.memory_mb,
            root_gb=flavor.root_gb,
            ephemeral_gb=flavor.ephemeral_gb,
            swap_mb=flavor.swap_mb,
            hostname=server.hostname or server.uuid,
            image_id=server.image_ref or None,
            image_properties={name: str(value) for name, value in server.image_properties.items()},
            flavor_extra_specs=flavor.extra_specs,
            metadata=server.metadata,
            user_data=server.user_data,
            config_drive=server.config_drive,
            key_name=server.key_name,
            key_data=server.key_data,
            admin_password=admin_password,
            files=files,
            pins=pins,
            disks=tuple(map(_disk, server.block_devices)),
        )


def _disk(device: BlockDevice) -> DiskSpec:
    return DiskSpec(
        device_name=device.device_name,
        boot_index=device.boot_index,
        volume_id=device.volume_id,
        connection_info=device.connection_info,
        size=device.volume_size,
        guest_format=device.guest_format,
        disk_bus=device.disk_bus,
        device_type=device.device_type,
        tag=device.tag,
    )


def instance_name(template: str, server: Server) -> str:
    """The server's name on its hypervisor, such as ``instance-0000002a``."""
    try:
        return template % server.id
    except TypeError:
        # The template may use fields by name instead of the number.
        return template % {"uuid": server.uuid, "hostname": server.hostname, "id": server.id}
