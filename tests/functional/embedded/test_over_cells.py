"""Calls that touch both cells of a running plane at once."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import Event
from typing import Any

import pytest
import webob

from groundwork.operations import declared_by
from nova.api.metadata.app import MetadataApplication
from nova.api.metadata.identity import ProxyIdentity
from nova.api.metadata.lookup import MappedServers
from nova.api.metadata.source import GuestSource
from nova.api.metadata.vendor_data import StaticVendorData
from nova.cmd import compute_api
from nova.db.api import models as api_models
from nova.db.cell import models as cell_models
from nova.domain.selection import Selection
from nova.lifecycle import hand_over
from nova.rpc.bus import Address, Bus
from nova.saga.operation import Run
from nova.virt.guest import PowerState
from tests.functional.embedded.joining import make_agent, one_more_host
from tests.functional.embedded.moving import manage, moved, nowhere
from tests.functional.embedded.plane import ADMIN, PATIENCE_S, PROJECT, USER, Cloud, wait_for

MISSING = "99999999-9999-4999-8999-999999999999"
VOLUME = "a26887c6-c47b-4654-abb5-dfadf7d3f803"
PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f me"
SECRET = "s3cret"


@pytest.fixture
def pair(cloud: Cloud) -> dict[str, str]:
    """A server in each cell: its uuid by its host."""
    hosts = {host.partition("-")[0]: host for host in sorted(cloud.drivers())}
    made = {
        host: cloud.create(cell, availability_zone=f"nova:{host}", token=ADMIN)
        for cell, host in hosts.items()
    }
    assert len(made) == 2
    for uuid in made.values():
        cloud.wait_until(uuid, "ACTIVE")
    return made


def guest_file(cloud: Cloud, host: str, uuid: str) -> Any:
    """What the hypervisor of the host keeps of a guest."""
    return cloud.drivers()[host]._files.read(uuid)


def test_events_reach_the_hosts_of_both_cells(cloud: Cloud, pair: dict[str, str]) -> None:
    """POST /os-server-external-events is split per cell; a mix of known and unknown servers gives 207.

    Send four events over two cells and one unknown uuid.
    """
    events = [
        {"server_uuid": uuid, "name": name, "tag": tag}
        for uuid in pair.values()
        for name, tag in (("volume-extended", VOLUME), ("power-update", "POWER_OFF"))
    ]
    events.append({"server_uuid": MISSING, "name": "network-changed"})
    answer = cloud.compute(
        "POST",
        "/os-server-external-events",
        {"events": events},
        version="2.76",
        token=ADMIN,
        status=207,
    )
    assert [event["code"] for event in answer.json()["events"]] == [200, 200, 200, 200, 404]
    for host, uuid in pair.items():
        wait_for(
            f"power off on {host}",
            lambda host=host, uuid=uuid: (
                guest_file(cloud, host, uuid).power_state is PowerState.SHUTDOWN
            ),
        )
        assert guest_file(cloud, host, uuid).extended_volumes == (VOLUME,)


def test_usage_of_both_cells_is_one_sum(cloud: Cloud, pair: dict[str, str]) -> None:
    """os-migrations, server migrations and os-simple-tenant-usage (paged from 2.40) span cells."""
    path = f"/os-simple-tenant-usage/{PROJECT}?start=2020-01-01T00:00:00"
    usage = cloud.compute.get(path, version="2.40", token=ADMIN)["tenant_usage"]
    # Servers of earlier tests are in it too, as they ran.
    mine = [row for row in usage["server_usages"] if row["instance_id"] in pair.values()]
    assert [row["state"] for row in mine] == ["active", "active"]
    assert usage["total_hours"] == pytest.approx(
        sum(row["hours"] for row in usage["server_usages"])
    )
    assert usage["total_memory_mb_usage"] == pytest.approx(
        sum(row["hours"] * row["memory_mb"] for row in usage["server_usages"])
    )
    page = cloud.compute.get(f"{path}&limit=1&marker={mine[0]['instance_id']}", token=ADMIN)
    assert page["tenant_usage"]["server_usages"][0]["instance_id"] == mine[1]["instance_id"]
    assert cloud.compute.get("/os-migrations", token=ADMIN) == {"migrations": []}
    for uuid in pair.values():
        found = cloud.compute.get(f"/servers/{uuid}/migrations", token=ADMIN)
        assert found == {"migrations": []}


# Status of every operation on a server of its path, by method, path and action. Those that end the server come last.
ON_A_SERVER: Mapping[tuple[str, str, str | None], int] = {
    ("GET", "/servers/{id}", None): 200,
    ("GET", "/servers/{server_id}/os-instance-actions", None): 200,
    ("GET", "/servers/{server_id}/os-instance-actions/{id}", None): 200,
    ("GET", "/servers/{server_id}/migrations", None): 200,
    # It has not moved, which its own cell alone can say: a cell that does not answer makes it 503.
    ("GET", "/servers/{server_id}/migrations/{id}", None): 404,
    ("GET", "/servers/{server_id}/topology", None): 200,
    ("GET", "/servers/{server_id}/os-volume_attachments", None): 200,
    ("GET", "/servers/{server_id}/os-volume_attachments/{id}", None): 404,
    ("PUT", "/servers/{server_id}/tags/{id}", None): 201,
    ("GET", "/servers/{server_id}/tags/{id}", None): 204,
    ("DELETE", "/servers/{server_id}/tags/{id}", None): 204,
    ("PUT", "/servers/{server_id}/tags", None): 200,
    ("GET", "/servers/{server_id}/tags", None): 200,
    ("DELETE", "/servers/{server_id}/tags", None): 204,
    ("POST", "/servers/{server_id}/remote-consoles", None): 200,
    ("POST", "/servers/{id}/action", "os-getVNCConsole"): 200,
    # Its host offers no others.
    ("POST", "/servers/{id}/action", "os-getSPICEConsole"): 400,
    ("POST", "/servers/{id}/action", "os-getSerialConsole"): 400,
    ("POST", "/servers/{id}/action", "os-getRDPConsole"): 400,
    # Its flavor is this one already, it has not been moved, and there is no such host.
    ("POST", "/servers/{id}/action", "resize"): 400,
    ("POST", "/servers/{id}/action", "confirmResize"): 409,
    ("POST", "/servers/{id}/action", "revertResize"): 409,
    ("POST", "/servers/{id}/action", "migrate"): 400,
    ("DELETE", "/servers/{id}", None): 204,
}

# What is sent along, by path or action.
BODIES: Mapping[str, Any] = {
    "/servers/{server_id}/tags": {"tags": ["a"]},
    "/servers/{server_id}/remote-consoles": {
        "remote_console": {"protocol": "vnc", "type": "novnc"}
    },
    "os-getVNCConsole": {"os-getVNCConsole": {"type": "novnc"}},
    "os-getSPICEConsole": {"os-getSPICEConsole": {"type": "spice-html5"}},
    "os-getSerialConsole": {"os-getSerialConsole": {"type": "serial"}},
    "resize": {"resize": {"flavorRef": "tiny"}},
    "confirmResize": {"confirmResize": None},
    "revertResize": {"revertResize": None},
    "migrate": {"migrate": {"host": "nowhere"}},
    "os-getRDPConsole": {"os-getRDPConsole": {"type": "rdp-html5"}},
}
# Versions for what the newest does not have any more.
VERSIONS: Mapping[str, str] = {
    f"os-get{kind}Console": "2.5" for kind in ("VNC", "SPICE", "Serial", "RDP")
}


@contextmanager
def casts_from_above(cloud: Cloud) -> Iterator[list[tuple[str, Address]]]:
    """What is said on the buses of cells from above them: the cell, and to whom."""
    targets = cloud.embedded.plane.targets
    names = {id(targets.bus(cell)): cell.name for cell in cloud.cells if not cell.is_cell0}
    said: list[tuple[str, Address]] = []
    cast = Bus.cast

    def note(self: Bus, context: Any, address: Address, message: Any) -> None:
        if id(self) in names:
            said.append((names[id(self)], address))
        cast(self, context, address, message)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Bus, "cast", note)
        yield said


def test_every_operation_on_a_server_reaches_its_cell(cloud: Cloud, pair: dict[str, str]) -> None:
    """Every server action is routed through the instance mapping to the right cell database and message bus.

    Every operation that is declared on a server, with servers in two cells of which one can be asked.
    """
    declared = {
        (operation.method, operation.path, operation.action)
        for resource in compute_api.resources(cloud.conf, cloud.embedded.plane)
        for operation, _ in declared_by(resource)
        if operation.path.startswith(("/servers/{id}", "/servers/{server_id}"))
    }
    assert declared == set(ON_A_SERVER), "say above what a new operation answers"
    for host, uuid in pair.items():
        own = host.partition("-")[0]
        [other] = {"cell1", "cell2"} - {own}
        path = f"/servers/{uuid}/os-instance-actions"
        [create] = cloud.compute.get(path, token=ADMIN)["instanceActions"]
        with moved(cloud, nowhere(cloud, other, "cell0")), casts_from_above(cloud) as said:
            for (method, path, action), status in ON_A_SERVER.items():
                last = create["request_id"] if "actions" in path else "1"
                is_own = path.startswith("/servers/{id}")
                filled = path.format(id=uuid if is_own else last, server_id=uuid)
                name = action or path
                body = None if method in ("GET", "DELETE") else BODIES.get(name)
                version = VERSIONS.get(name)
                cloud.compute(method, filled, body, version=version, token=ADMIN, status=status)
            cloud.wait_gone(uuid)
        assert (own, Address("compute", server=host)) in said
        assert {name for name, _ in said} == {own}
        assert uuid not in cloud.guests()
        [operation] = [
            row
            for row in cloud.rows(own, cell_models.instance_actions)
            if row.instance_uuid == uuid and row.action == "delete"
        ]
        assert operation.state == "done"
        for elsewhere in ("cell0", other):
            rows = cloud.rows(elsewhere, cell_models.instance_actions)
            assert uuid not in {row.instance_uuid for row in rows}


def test_delete_with_the_host_down(cloud: Cloud) -> None:
    """Local delete (compute down) works in the right cell and frees allocations, ports and volumes

    Stop a compute, DELETE its server: 204, no allocation, port or attachment left. There are no ports yet. The host
    removes the guest when it is back.
    """
    host = "cell2-lost"
    kept, gone = (cloud.cinder.add_volume(bootable=True) for _ in range(2))

    def boot_from(volume: str, *, delete_on_termination: bool) -> str:
        device = {"source_type": "volume", "destination_type": "volume", "uuid": volume}
        device |= {"boot_index": 0, "delete_on_termination": delete_on_termination}
        return cloud.create(
            imageRef=None,
            flavorRef="zero",
            block_device_mapping_v2=[device],
            availability_zone=f"nova:{host}",
            token=ADMIN,
        )

    with one_more_host(cloud, "cell2", host) as agent:
        assert agent.wait_reported(PATIENCE_S)
        assert manage(cloud, "cell_v2", "discover_hosts") == 0
        uuids = [
            cloud.create(availability_zone=f"nova:{host}", token=ADMIN),
            boot_from(kept, delete_on_termination=False),
            boot_from(gone, delete_on_termination=True),
        ]
        for uuid in uuids:
            cloud.wait_until(uuid, "ACTIVE")
        assert {*cloud.allocations()} == {*uuids}
        assert {a["volume_id"] for a in cloud.cinder.attachments.values()} == {kept, gone}
        agent.stop()
        [service] = cloud.compute.get(f"/os-services?host={host}", token=ADMIN)["services"]
        set_down = f"/os-services/{service['id']}"
        cloud.compute("PUT", set_down, {"forced_down": True}, token=ADMIN, status=200)

        for uuid in uuids:
            cloud.delete(uuid, token=USER)
        for uuid in uuids:
            cloud.wait_gone(uuid)
        wait_for("freed room", lambda: not cloud.allocations())
        wait_for("freed volumes", lambda: not cloud.cinder.attachments)
        cloud.assert_nothing_is_left()
        assert cloud.cinder.volumes[kept]["status"] == "available"
        assert gone not in cloud.cinder.volumes
        assert {cloud.cell_of(uuid) for uuid in uuids} == {"cell2"}
        cloud.compute("PUT", set_down, {"forced_down": False}, token=ADMIN, status=200)
        again = make_agent(cloud, "cell2", host)
        assert {guest.uuid for guest in again._driver.guests()} == {*uuids}
        again.start()
        try:
            wait_for("the end of the guests", lambda: not again._driver.guests())
        finally:
            again.stop()


def test_delete_with_the_cell_down_changes_nothing(cloud: Cloud, pair: dict[str, str]) -> None:
    """A server in a cell that does not answer keeps what it holds, and can be deleted when the cell is back."""
    lost, here = (pair[host] for host in sorted(pair))
    held = cloud.allocations()
    with moved(cloud, nowhere(cloud, "cell1")):
        cloud.compute.refused(503, "serviceUnavailable", "DELETE", f"/servers/{lost}")
        cloud.delete(here)
        cloud.wait_gone(here)
        assert cloud.allocations() == {lost: held[lost]}
        [mapping] = [
            row
            for row in cloud.rows("api", api_models.instance_mappings)
            if row.instance_uuid == lost
        ]
        assert not mapping.queued_for_delete
    assert cloud.show(lost)["status"] == "ACTIVE"
    cloud.delete(lost)
    cloud.wait_gone(lost)


def test_builds_for_a_cell_that_dies_go_to_another_one(cloud: Cloud) -> None:
    """Scheduled a moment before, and not handed over yet; none waits for the cell, none is built twice."""
    is_dead = Event()
    into_cell = hand_over.into_cell

    def wait_and_hand_over(run: Run, selection: Selection) -> None:
        is_dead.wait(PATIENCE_S)
        into_cell(run, selection)

    def hosts() -> set[str]:
        return {host.partition("-")[0] for host in cloud.allocations().values()}

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(hand_over, "into_cell", wait_and_hand_over)
        uuids = [cloud.create(f"server{number}") for number in range(6)]
        wait_for("claims", lambda: set(uuids) == set(cloud.allocations()))
        assert hosts() == {"cell1", "cell2"}
        with moved(cloud, nowhere(cloud, "cell2")):
            is_dead.set()
            for uuid in uuids:
                host = cloud.wait_until(uuid, "ACTIVE")["OS-EXT-SRV-ATTR:host"]
                assert host.startswith("cell1-")
            assert hosts() == {"cell1"}
    assert {row.uuid for row in cloud.living()} == set(uuids)
    assert {cloud.cell_of(uuid) for uuid in uuids} == {"cell1"}


def test_metadata_of_guests_in_two_cells(cloud: Cloud) -> None:
    """Metadata service finds the instance cell through the mapping; key pairs come from the API database.

    Ask metadata for instances of two cells; stop one cell, the other still works.
    """
    plane = cloud.embedded.plane
    lookup = MappedServers(
        api_database=plane.api_database, registry=plane.registry, scatter=plane.scatter
    )
    source = GuestSource(
        servers=lookup,
        networks=None,
        passwords=None,
        vendor_data=StaticVendorData(path=None, providers=()),
        dhcp_domain="",
        cache_expiration_s=0,
        clock=time.monotonic,
    )
    identity = ProxyIdentity(service_metadata_proxy=True, shared_secret=SECRET)
    application = MetadataApplication(identity=identity, source=source)

    def ask(uuid: str, path: str) -> webob.Response:
        signature = hmac.new(SECRET.encode(), uuid.encode(), hashlib.sha256).hexdigest()
        headers = {
            "X-Instance-ID": uuid,
            "X-Tenant-ID": PROJECT,
            "X-Instance-ID-Signature": signature,
        }
        return webob.Request.blank(path, headers=headers).get_response(application)

    key = {"keypair": {"name": "mine", "public_key": PUBLIC_KEY}}
    cloud.compute("POST", "/os-keypairs", key, status=201)
    # The only place where it is.
    assert [row.public_key for row in cloud.rows("api", api_models.key_pairs)] == [PUBLIC_KEY]
    assert "key_pairs" not in cell_models.METADATA.tables
    uuids = {
        cell: cloud.create(
            cell,
            key_name="mine",
            availability_zone=f"nova:{cell}-host1",
            token=f"fake:{PROJECT}:admin",
        )
        for cell in ("cell1", "cell2")
    }
    for cell, uuid in uuids.items():
        cloud.wait_until(uuid, "ACTIVE")
        assert cloud.cell_of(uuid) == cell
        found = ask(uuid, "/openstack/latest/meta_data.json").json
        assert (found["uuid"], found["name"]) == (uuid, cell)
        assert found["public_keys"] == {"mine": PUBLIC_KEY}
    with moved(cloud, nowhere(cloud, "cell1")):
        assert ask(uuids["cell1"], "/latest/meta-data/hostname").status_int == 503
        shown = ask(uuids["cell2"], "/latest/meta-data/public-keys/0/openssh-key")
        assert (shown.status_int, shown.text) == (200, PUBLIC_KEY)
    cloud.compute("DELETE", "/os-keypairs/mine", status=204)
