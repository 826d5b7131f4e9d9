"""Block device records in real databases."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec.structs import replace

from groundwork.database import Database
from nova.db.cell import block_devices, server_pages, servers
from nova.domain.block_device import BlockDevice
from tests.api.deployment import make_server

NOW = datetime(2026, 3, 1, tzinfo=UTC)
INFO = {"driver_volume_type": "iscsi", "data": {"auth_password": "se'cr\"et", "lun": 1}}


def make_device(**fields: Any) -> BlockDevice:
    return BlockDevice(
        **{
            "uuid": str(uuid.uuid4()),
            "source_type": "volume",
            "destination_type": "volume",
            "volume_id": str(uuid.uuid4()),
            **fields,
        }
    )


FULL = make_device(
    boot_index=0,
    device_name="/dev/vda",
    image_id=str(uuid.uuid4()),
    volume_size=7,
    guest_format='e"xt4\\',
    disk_bus="virtio",
    device_type="disk",
    delete_on_termination=True,
    tag="tä\ng",
    attachment_id=str(uuid.uuid4()),
    connection_info=INFO,
)
PLAIN = make_device(source_type="blank", destination_type="local", volume_id=None)


def test_devices_are_read_as_they_were_stored(cell_database: Database) -> None:
    server = make_server(block_devices=(FULL, PLAIN))
    other = make_server(block_devices=(make_device(),))
    bare = make_server()
    with cell_database.write() as tx:
        for each in (server, other, bare):
            assert servers.insert_if_absent(tx, each)
    with cell_database.read() as tx:
        found = servers.find(tx, server.uuid)
        listed = server_pages.find(tx, server.uuid)
        assert servers.find(tx, bare.uuid).block_devices == ()  # type: ignore[union-attr]
        assert server_pages.find(tx, bare.uuid).server.block_devices == ()  # type: ignore[union-attr]
    assert found is not None
    assert found.block_devices == (PLAIN, FULL)
    assert found.volumes == (FULL,)
    assert listed is not None
    # What only hosts need is not read for lists.
    assert listed.server.block_devices == (PLAIN, replace(FULL, connection_info=None))


def test_changes_are_kept_and_what_is_gone_stays_gone(cell_database: Database) -> None:
    server = make_server(block_devices=(FULL,))
    changed = replace(FULL, attachment_id=None, connection_info=None)
    with cell_database.write() as tx:
        servers.insert_if_absent(tx, server)
        block_devices.save(tx, server.uuid, [changed, make_device()])
        assert block_devices.of_server(tx, server.uuid) == (changed,)
        servers.mark_deleted(tx, server.uuid, now=NOW)
        assert block_devices.of_server(tx, server.uuid) == ()


@pytest.mark.parametrize("count", [1, 60])
def test_many_devices_on_a_page(cell_database: Database, count: int) -> None:
    devices = tuple(replace(FULL, uuid=str(uuid.uuid4()), tag="t" * 60) for _ in range(count))
    server = make_server(block_devices=devices)
    with cell_database.write() as tx:
        servers.insert_if_absent(tx, server)
        found = server_pages.find(tx, server.uuid)
    assert found is not None
    assert len(found.server.block_devices) == count
