"""Block devices in create requests, and what servers show of their volumes."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from nova.db.api import builds
from nova.domain.block_device import BlockDevice
from tests.api.deployment import PROJECT, keys_of
from tests.api.servers.service import IMAGE, ServerCloud

NEWEST = "2.96"
ABSENT = "99999999-9999-4999-8999-999999999999"
OTHER = "0123456789abcdef0123456789abcdef"
ROOT = {"source_type": "image", "destination_type": "local", "uuid": IMAGE, "boot_index": 0}


def volume(volume_id: str, **more: Any) -> dict[str, Any]:
    return {"source_type": "volume", "destination_type": "volume", "uuid": volume_id, **more}


def blank(size: int, **more: Any) -> dict[str, Any]:
    return {"source_type": "blank", "destination_type": "local", "volume_size": size, **more}


def post(
    cloud: ServerCloud, *devices: Any, status: int = 202, version: str = NEWEST, **server: Any
) -> Any:
    body: dict[str, Any] = {
        "name": "one",
        "flavorRef": "1",
        "imageRef": IMAGE,
        "networks": "none",
        "block_device_mapping_v2": list(devices),
        **server,
    }
    body = {key: value for key, value in body.items() if value is not None}
    if float(version[2:]) < 37:
        del body["networks"]
    return cloud.answer(
        "/servers", method="POST", body={"server": body}, version=version, status=status
    )


def create(cloud: ServerCloud, *devices: Any, **how: Any) -> tuple[BlockDevice, ...]:
    """The devices of an accepted build."""
    uuid_ = post(cloud, *devices, **how)["server"]["id"]
    with cloud.api_database.read() as tx:
        build = builds.find(tx, uuid_)
    assert build is not None
    return build.server.block_devices


def told(cloud: ServerCloud, *devices: Any, **how: Any) -> str:
    """The text of a 400."""
    return str(post(cloud, *devices, status=400, **how)["badRequest"]["message"])


def test_disks_on_the_host(cloud: ServerCloud) -> None:
    cloud.add_flavor("big", ephemeral_gb=10, swap_mb=512)
    root, swap, ephemeral = create(
        cloud,
        ROOT,
        blank(512, guest_format="swap", boot_index=-1),
        blank(10, guest_format="ext4", tag="scratch", disk_bus="scsi", device_type="disk"),
        flavorRef="big",
    )
    assert (root.source_type, root.image_id, root.device_name) == ("image", IMAGE, "/dev/vda")
    assert root.boot_index == 0
    assert (swap.guest_format, swap.volume_size, swap.device_name) == ("swap", 512, "/dev/vdb")
    assert swap.boot_index is None
    assert (ephemeral.volume_size, ephemeral.tag, ephemeral.disk_bus) == (10, "scratch", "scsi")
    assert {device.is_volume for device in (root, swap, ephemeral)} == {False}


def test_volumes_beside_the_image(cloud: ServerCloud) -> None:
    first, second = cloud.cinder.add_volume(), cloud.cinder.add_volume()
    devices = create(
        cloud,
        volume(first, delete_on_termination="yes"),
        volume(second, device_name="vdx", tag="data", boot_index=None),
    )
    assert [
        (d.volume_id, d.device_name, d.delete_on_termination, d.tag, d.boot_index) for d in devices
    ] == [(first, "/dev/vdb", True, None, None), (second, "/dev/vdx", False, "data", None)]
    assert cloud.cinder.requests == []


@pytest.mark.parametrize("image_ref", [None, ""])
def test_root_disk_on_a_volume(cloud: ServerCloud, image_ref: str | None) -> None:
    """The flavor may have no disk then, and the volume tells of the image that it was made from."""
    cloud.add_flavor("zero", root_gb=0)
    told_by_image = {"image_id": IMAGE, "min_ram": "64", "min_disk": "1", "hw_disk_bus": "scsi"}
    root = cloud.cinder.add_volume(bootable=True, volume_image_metadata=told_by_image)
    uuid_ = post(cloud, volume(root, boot_index="0"), imageRef=image_ref, flavorRef="zero")[
        "server"
    ]["id"]
    shown = cloud.answer(f"/servers/{uuid_}", version=NEWEST)["server"]
    assert shown["image"] == ""
    assert shown["os-extended-volumes:volumes_attached"] == [
        {"id": root, "delete_on_termination": False}
    ]
    with cloud.api_database.read() as tx:
        build = builds.find(tx, uuid_)
    assert build is not None
    assert build.server.image_ref is None
    assert build.server.image_properties["hw_disk_bus"] == "scsi"
    assert "image_id" not in build.server.image_properties
    assert build.server.block_devices[0].device_name == "/dev/vda"


def test_form_of_2012(cloud: ServerCloud) -> None:
    root, data = cloud.cinder.add_volume(bootable=True), cloud.cinder.add_volume()
    old = [
        {"volume_id": root, "device_name": "vda", "delete_on_termination": "1"},
        {"volume_id": data, "device_name": "/dev/vdc", "volume_size": "1"},
        {"device_name": "vdd", "no_device": True},
    ]
    devices = create(cloud, block_device_mapping_v2=None, block_device_mapping=old, imageRef=None)
    assert [
        (d.volume_id, d.device_name, d.boot_index, d.delete_on_termination) for d in devices
    ] == [(root, "/dev/vda", 0, True), (data, "/dev/vdc", None, False)]
    beside = create(cloud, block_device_mapping_v2=None, block_device_mapping=old[1:2])
    assert [device.boot_index for device in beside] == [None]


def test_each_server_of_a_request_has_records_of_its_own(cloud: ServerCloud) -> None:
    post(cloud, ROOT, max_count=2)
    with cloud.api_database.read() as tx:
        found = [
            device.uuid for build in builds.visible(tx) for device in build.server.block_devices
        ]
    assert len(found) == len(set(found)) == 2


SEVERAL_BOOT = [ROOT, {**ROOT}]
BAD: list[tuple[list[Any], str]] = [
    ([{"uuid": IMAGE}], "source_type"),
    ([{**ROOT, "boot_index": 1}], "boot disk"),
    ([{**ROOT, "uuid": ABSENT}], "imageRef"),
    ([{**ROOT, "destination_type": "volume"}], "not supported"),
    ([{"source_type": "snapshot", "uuid": ABSENT, "boot_index": None}], "not supported"),
    ([{"source_type": "snapshot", "uuid": ABSENT, "destination_type": "local"}], "not supported"),
    ([{"source_type": "blank", "destination_type": "volume", "volume_size": 1}], "not supported"),
    ([volume(ABSENT, destination_type="local")], "not supported"),
    ([volume("x")], "not the id"),
    ([{"source_type": "volume"}], "not the id"),
    ([volume(ABSENT)], f"failed to get volume {ABSENT}"),
    ([blank(1, uuid=ABSENT)], "uuid"),
    ([blank(1, boot_index=1)], "booted"),
    ([blank(1)], "ephemeral disks are larger"),
    ([blank(1, guest_format="swap")], "swap drive is larger"),
    ([blank(1, guest_format="swap"), blank(1, guest_format="swap")], "more than one swap"),
    ([blank(10**10)], "volume_size"),
    (SEVERAL_BOOT, "boot sequence"),
    ([volume(ABSENT, boot_index=0)], "boot sequence"),
    ([volume(ABSENT, boot_index=2)], "boot sequence"),
    ([volume(ABSENT), volume(ABSENT)], "same volume_id"),
    ([blank(0, tag="a"), blank(0, tag="a")], "volume_size"),
    ([volume(ABSENT, device_name="vdb"), volume(IMAGE, device_name="/dev/vdb")], "device_name"),
    ([volume(ABSENT, tag="a"), volume(IMAGE, tag="a")], "same tag"),
    ([volume(ABSENT, tag="a,b")], "tag"),
    ([volume(ABSENT, disk="x")], "disk"),
]


@pytest.mark.parametrize(("devices", "word"), BAD, ids=[str(bad)[:60] for bad, _ in BAD])
def test_what_makes_no_sense_is_refused_with_a_reason(
    cloud: ServerCloud, devices: list[Any], word: str
) -> None:
    assert word in told(cloud, *devices)


@pytest.mark.parametrize("devices", [[], [volume(ABSENT)], [volume(ABSENT, boot_index=-1)]])
def test_something_has_to_be_booted_from(cloud: ServerCloud, devices: list[Any]) -> None:
    assert told(cloud, *devices, imageRef=None) == "Missing imageRef attribute"


@pytest.mark.parametrize("status", ["reserved", "in-use", "creating", "error", "attaching"])
def test_volume_that_is_not_free(cloud: ServerCloud, status: str) -> None:
    taken = cloud.cinder.add_volume(status=status)
    assert status in told(cloud, volume(taken))


def test_volume_for_many_needs_2_60(cloud: ServerCloud) -> None:
    shared = cloud.cinder.add_volume(multiattach=True, status="in-use")
    assert "2.60" in told(cloud, volume(shared), version="2.59")
    post(cloud, volume(shared), version="2.60")


def test_volume_of_one_for_several_servers(cloud: ServerCloud) -> None:
    assert "Several servers" in told(cloud, volume(cloud.cinder.add_volume()), max_count=2)


def test_volume_that_cannot_be_booted_from(cloud: ServerCloud) -> None:
    root = cloud.cinder.add_volume()
    assert "not bootable" in told(cloud, volume(root, boot_index=0), imageRef=None)
    small = cloud.cinder.add_volume(bootable=True, volume_image_metadata={"min_disk": "2"})
    assert "smaller" in told(cloud, volume(small, boot_index=0), imageRef=None)
    hungry = cloud.cinder.add_volume(bootable=True, volume_image_metadata={"min_ram": "4096"})
    assert "memory" in told(cloud, volume(hungry, boot_index=0), imageRef=None)


def test_cloud_without_volumes_says_so(cloud: ServerCloud) -> None:
    cloud.serve_servers(has_volumes=False)
    assert "no volume service is configured" in told(cloud, volume(ABSENT))
    post(cloud, ROOT)


def test_cinder_that_is_broken(cloud: ServerCloud) -> None:
    wanted = cloud.cinder.add_volume()
    cloud.cinder.refusals.append(("GET", wanted, 500))
    post(cloud, volume(wanted), status=503)


@pytest.mark.parametrize(
    ("device", "version", "status"),
    [
        ({"tag": "a"}, "2.31", 400),
        ({"tag": "a"}, "2.32", 202),
        ({"tag": "a"}, "2.33", 400),
        ({"tag": "a"}, "2.41", 400),
        ({"tag": "a"}, "2.42", 202),
        ({"volume_type": None}, "2.66", 400),
        ({"volume_type": None}, "2.67", 202),
    ],
)
def test_versions_of_fields(
    cloud: ServerCloud, device: dict[str, Any], version: str, status: int
) -> None:
    post(cloud, volume(cloud.cinder.add_volume(), **device), version=version, status=status)


# What servers show


def make_device(**fields: Any) -> BlockDevice:
    return BlockDevice(
        **{
            "uuid": str(uuid.uuid4()),
            "source_type": "volume",
            "destination_type": "volume",
            "volume_id": str(uuid.uuid4()),
            "attachment_id": str(uuid.uuid4()),
            **fields,
        }
    )


@pytest.fixture
def devices() -> tuple[BlockDevice, ...]:
    return (
        make_device(device_name="/dev/sdb", tag="foo", delete_on_termination=True),
        make_device(device_name="/dev/sdc"),
    )


@pytest.mark.parametrize("cell", ["cell1", "cell0"])
def test_servers_show_their_volumes(
    cloud: ServerCloud, devices: tuple[BlockDevice, ...], cell: str
) -> None:
    local = make_device(destination_type="local", source_type="blank", volume_id=None)
    server = cloud.add_server(cell, block_devices=(local, *devices))
    key = "os-extended-volumes:volumes_attached"
    ids = [{"id": device.volume_id} for device in devices]
    along = [
        {"id": device.volume_id, "delete_on_termination": device.delete_on_termination}
        for device in devices
    ]
    for version, expected in (("2.1", ids), ("2.2", ids), ("2.3", along), (NEWEST, along)):
        shown = cloud.answer(f"/servers/{server.uuid}", version=version)["server"]
        assert shown[key] == expected
        [listed] = cloud.answer("/servers/detail", version=version)["servers"]
        assert listed[key] == expected


@pytest.mark.parametrize(
    ("version", "keys"),
    [
        ("2.1", "device id serverId volumeId"),
        ("2.70", "device id serverId tag volumeId"),
        ("2.79", "delete_on_termination device id serverId tag volumeId"),
        ("2.88", "delete_on_termination device id serverId tag volumeId"),
        ("2.89", "attachment_id bdm_uuid delete_on_termination device serverId tag volumeId"),
    ],
)
def test_volumes_of_a_server(
    cloud: ServerCloud, devices: tuple[BlockDevice, ...], version: str, keys: str
) -> None:
    server = cloud.add_server("cell2", block_devices=devices)
    path = f"/servers/{server.uuid}/os-volume_attachments"
    found = cloud.answer(path, version=version, roles="reader")["volumeAttachments"]
    assert keys_of(found) == [dict.fromkeys(keys.split())]
    assert [each["volumeId"] for each in found] == [device.volume_id for device in devices]
    assert found[0]["device"] == "/dev/sdb"
    if version == "2.89":
        assert found[0]["bdm_uuid"] == devices[0].uuid
        assert found[0]["attachment_id"] == devices[0].attachment_id
        assert (found[0]["tag"], found[0]["delete_on_termination"]) == ("foo", True)
    alone = cloud.answer(f"{path}/{devices[0].volume_id}", version=version, roles="reader")
    assert alone == {"volumeAttachment": found[0]}


def test_pages_of_volumes(cloud: ServerCloud, devices: tuple[BlockDevice, ...]) -> None:
    server = cloud.add_server("cell2", block_devices=devices)
    path = f"/servers/{server.uuid}/os-volume_attachments"

    def ids(query: str) -> list[str]:
        found = cloud.answer(f"{path}{query}", version=NEWEST)["volumeAttachments"]
        return [each["volumeId"] for each in found]

    assert ids("?limit=1") == [devices[0].volume_id]
    assert ids("?limit=1&offset=1") == [devices[1].volume_id]
    assert ids("?limit=0") == ids("") == [device.volume_id for device in devices]
    assert ids("?offset=9") == []
    cloud.refused(f"{path}?limit=x", 400)
    cloud.refused(f"{path}?odd=1", 400, version="2.75")


def test_volume_that_the_server_does_not_have(cloud: ServerCloud) -> None:
    server = cloud.add_server("cell2")
    path = f"/servers/{server.uuid}/os-volume_attachments"
    assert cloud.answer(path) == {"volumeAttachments": []}
    cloud.refused(f"{path}/{ABSENT}", 404)
    cloud.refused(f"/servers/{ABSENT}/os-volume_attachments", 404)
    cloud.refused(path, 404, project=OTHER, roles="member,reader")
    cloud.refused(path, 403, project=PROJECT, roles="nothing")
