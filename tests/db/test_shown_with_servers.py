"""What lists show of other tables is in the rows of servers: copied once by a revision, kept by all who write."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import msgspec
import sqlalchemy as sa

from groundwork import migrations
from groundwork.database import Database, Transaction
from nova.db.cell import block_devices, faults, server_pages, server_tags, servers
from nova.db.cell.models import block_device_mappings, instance_faults, instances, tags
from nova.db.cell.schema import FOLDER
from nova.domain.block_device import BlockDevice
from nova.domain.server import Server
from tests.api.deployment import make_server

MOMENT = datetime(2026, 3, 1, 12, 30, 0, 250, tzinfo=UTC)
FAULT = faults.Fault(500, "No 'valid' host\n\"ü\"", "the whole story", MOMENT, "host1")
SWAP = BlockDevice("00000000-0000-0000-0000-000000000001", "blank", "local", volume_size=512)
VOLUME = BlockDevice(
    "00000000-0000-0000-0000-000000000002",
    "volume",
    "volume",
    boot_index=0,
    device_name="/dev/vda",
    delete_on_termination=True,
    connection_info={"secret": "s"},
)
COPIES = (instances.c.tags, instances.c.block_devices, instances.c.fault)


def shown(tx: Transaction, uuid: str) -> server_pages.ServerRow:
    found = server_pages.find(tx, uuid, with_deleted=True)
    assert found is not None
    return found


def test_a_revision_copies_what_there_is(make_database: Callable[..., Database]) -> None:
    """Rows of the last release, as its code wrote them."""
    database = make_database()
    migrations.upgrade(database, FOLDER, to="0007")
    full = make_server(vm_state="error", tags=("b", "ü", "a"), block_devices=(SWAP, VOLUME))
    # More than are copied at a time, so that the next portion is seen to follow.
    many = [make_server(tags=("red",)) for _ in range(1200)]
    bare = make_server()
    with database.write() as tx:
        tx.execute(sa.insert(before_copies()), [old_values(each) for each in (full, bare, *many)])
        rows = [
            {"resource_id": each.uuid, "tag": tag} for each in (full, *many) for tag in each.tags
        ]
        tx.execute(sa.insert(tags), rows)
        block_devices.insert(tx, full.uuid, full.block_devices)
        for fault in (replace(FAULT, message="an old one"), FAULT):
            values = {field: getattr(fault, field) for field in fault.__slots__}
            tx.execute(sa.insert(instance_faults).values(instance_uuid=full.uuid, **values))
    migrations.upgrade(database, FOLDER)
    with database.read() as tx:
        row = shown(tx, full.uuid)
        assert row.server.tags == ("a", "b", "ü")
        assert row.server.block_devices == (
            SWAP,
            msgspec.structs.replace(VOLUME, connection_info=None),
        )
        assert row.fault == FAULT
        assert shown(tx, bare.uuid).server.tags == ()
        assert all(shown(tx, each.uuid).server.tags == ("red",) for each in many[::100])
        assert tx.execute(sa.select(*COPIES).where(instances.c.uuid == bare.uuid)).one() == (
            None,
            None,
            None,
        )


def before_copies() -> sa.TableClause:
    """``instances`` as it was at the revision before."""
    names = {column.name for column in COPIES} | {"id"}
    return sa.table(
        "instances",
        *(sa.column(own.name, own.type) for own in instances.columns if own.name not in names),
    )


def old_values(server: Server) -> dict[str, object]:
    copies = {column.name for column in COPIES}
    values = {
        name: value for name, value in servers.to_values(server).items() if name not in copies
    }
    return {"deleted": 0, **values}


def test_copies_follow_every_change(cell_database: Database) -> None:
    server = make_server(tags=("b", "a"), block_devices=(VOLUME, SWAP))
    other = make_server(tags=("own",), block_devices=())
    with cell_database.write() as tx:
        for each in (server, other):
            servers.insert_if_absent(tx, each)
        as_made = shown(tx, server.uuid).server
        assert as_made.tags == ("a", "b")
        assert [device.uuid for device in as_made.block_devices] == [SWAP.uuid, VOLUME.uuid]

        server_tags.add(tx, server.uuid, ["c"])
        server_tags.remove(tx, server.uuid, ["a", "absent"])
        assert shown(tx, server.uuid).server.tags == ("b", "c")
        server_tags.remove(tx, server.uuid, ["b", "c"])
        assert shown(tx, server.uuid).server.tags == ()

        attached = msgspec.structs.replace(VOLUME, attachment_id="a-1")
        block_devices.save(tx, server.uuid, [attached])
        assert shown(tx, server.uuid).server.volumes[0].attachment_id == "a-1"
        assert (
            "secret"
            not in tx.execute(
                sa.select(sa.cast(instances.c.block_devices, sa.Text)).where(
                    instances.c.uuid == server.uuid
                )
            ).scalar_one()
        )

        faults.add(tx, server.uuid, replace(FAULT, message="an old one"))
        faults.add(tx, server.uuid, replace(FAULT, message="m" * 300))
        assert shown(tx, server.uuid).fault is None
        servers.update(tx, server.uuid, {"vm_state": "error"})
        assert shown(tx, server.uuid).fault == replace(FAULT, message="m" * 255)
        assert shown(tx, other.uuid).server.tags == ("own",)

        servers.mark_deleted(tx, server.uuid, now=MOMENT)
        gone = shown(tx, server.uuid)
        assert (gone.server.tags, gone.server.block_devices) == ((), ())
        assert gone.fault == replace(FAULT, message="m" * 255)
        for table, owner in ((tags, "resource_id"), (block_device_mappings, "instance_uuid")):
            of_server = sa.select(sa.func.count()).where(table.c[owner] == server.uuid)
            assert tx.execute(of_server).scalar() == 0
