"""Servers with volumes over the whole plane, beside a Cinder over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from nova.virt.guest import GuestSpec
from tests.functional.embedded.plane import ADMIN, Cloud, refuse_spawn


def volume(volume_id: str, **more: Any) -> dict[str, Any]:
    return {"source_type": "volume", "destination_type": "volume", "uuid": volume_id, **more}


def status(cloud: Cloud, volume_id: str) -> str | None:
    found = cloud.cinder.volumes.get(volume_id)
    return found and found["status"]


def test_server_that_boots_from_a_volume(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    root, data = cloud.cinder.add_volume(bootable=True), cloud.cinder.add_volume()
    seen: list[GuestSpec] = []
    for driver in cloud.drivers().values():
        spawn = driver.spawn

        def remember(guest: GuestSpec, spawn: Any = spawn) -> None:
            seen.append(guest)
            spawn(guest)

        monkeypatch.setattr(driver, "spawn", remember)
    server = cloud.build(
        imageRef=None,
        flavorRef="zero",
        block_device_mapping_v2=[
            volume(root, boot_index=0, delete_on_termination=True),
            volume(data, tag="data"),
        ],
    )
    assert server["image"] == ""
    assert server["os-extended-volumes:volumes_attached"] == [
        {"id": root, "delete_on_termination": True},
        {"id": data, "delete_on_termination": False},
    ]
    assert status(cloud, root) == status(cloud, data) == "in-use"
    [guest] = seen
    assert guest.image_id is None
    host = server["OS-EXT-SRV-ATTR:host"]
    assert [
        (disk.device_name, disk.boot_index, disk.tag, disk.connection_info) for disk in guest.disks
    ] == [
        ("/dev/vda", 0, None, {"driver_volume_type": "fake", "data": {"host": host}}),
        ("/dev/vdb", None, "data", {"driver_volume_type": "fake", "data": {"host": host}}),
    ]
    # How storage is reached may hold secrets, and guests are logged.
    assert "driver_volume_type" not in repr(guest)
    cloud.delete(server["id"])
    cloud.wait_gone(server["id"])
    cloud.assert_nothing_is_left()
    assert (status(cloud, root), status(cloud, data)) == (None, "available")


def test_any_failed_build_frees_its_volumes(cloud: Cloud) -> None:
    """Fail in API, scheduler, compute; volume ends available."""
    kept = cloud.cinder.add_volume()
    device = [volume(kept)]
    bad = cloud.body(block_device_mapping_v2=device, flavorRef="lost")
    cloud.compute.refused(400, "badRequest", "POST", "/servers", bad)
    assert status(cloud, kept) == "available"

    buried = cloud.create(block_device_mapping_v2=device, flavorRef="huge")
    cloud.wait_until_error(buried)
    assert status(cloud, kept) == "available"

    host = "cell1-host1"
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(cloud.drivers()[host], "spawn", refuse_spawn)
        failed = cloud.create(
            block_device_mapping_v2=device, availability_zone=f"nova:{host}", token=ADMIN
        )
        cloud.wait_until_error(failed)
    assert status(cloud, kept) == "available"
    for uuid in (buried, failed):
        cloud.delete(uuid)
        cloud.wait_gone(uuid)
    assert status(cloud, kept) == "available"
