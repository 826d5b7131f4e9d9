"""Where things stand: above the cells or in one of them, and what of it can be had while cells are away."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest

from nova.cells.registry import Cell
from nova.db.api import models as api_models
from nova.db.cell import models as cell_models
from nova.rpc.bus import Bus
from nova.virt.guest import PowerState
from tests.functional.embedded.joining import one_more_host
from tests.functional.embedded.moving import Mover, manage, moved, nowhere
from tests.functional.embedded.plane import (
    ADMIN,
    PATIENCE_S,
    PROJECT,
    USER,
    Cloud,
    refuse_spawn,
    silent_scheduler,
    wait_for,
)

CELLS = ("cell0", "cell1", "cell2")
PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f me"


@pytest.fixture
def pair(cloud: Cloud) -> dict[str, str]:
    """A server in each cell: its uuid by the cell's name."""
    hosts = {host.partition("-")[0]: host for host in sorted(cloud.drivers())}
    made = {
        cell: cloud.create(cell, tags=[cell], availability_zone=f"nova:{host}", token=ADMIN)
        for cell, host in hosts.items()
    }
    for uuid in made.values():
        cloud.wait_until(uuid, "ACTIVE")
    return made


def test_a_host_is_used_and_shown_once_it_is_mapped(cloud: Cloud) -> None:
    """host_mappings binds a host to one cell; an unmapped host is not schedulable and not shown by the API.

    Start a compute, boot before and after discover_hosts; first fails, second succeeds. Its service is listed at
    once, for operators want to see what they are about to map.
    """
    host = "cell2-new"
    wanted = cloud.body(availability_zone=f"nova:{host}")
    aggregate = {"aggregate": {"name": "new", "availability_zone": None}}
    made = cloud.compute("POST", "/os-aggregates", aggregate, token=ADMIN, status=200).json()
    path = f"/os-aggregates/{made['aggregate']['id']}"

    def hypervisors(query: str = "") -> set[str]:
        found = cloud.compute.get(f"/os-hypervisors{query}", token=ADMIN)["hypervisors"]
        return {node["hypervisor_hostname"] for node in found}

    with one_more_host(cloud, "cell2", host) as agent:
        assert agent.wait_reported(PATIENCE_S)
        [service] = cloud.compute.get(f"/os-services?host={host}", token=ADMIN)["services"]
        assert (service["state"], service["status"]) == ("up", "enabled")
        assert hypervisors() == hypervisors("/detail") == set(cloud.drivers())
        [node] = [row for row in cloud.rows("cell2", cell_models.compute_nodes) if row.host == host]
        alone = f"/os-hypervisors/{node.uuid}"
        cloud.compute.refused(404, "itemNotFound", "GET", alone, token=ADMIN)
        cloud.compute.refused(400, "badRequest", "POST", "/servers", wanted, token=ADMIN)
        add = {"add_host": {"host": host}}
        cloud.compute.refused(404, "itemNotFound", "POST", f"{path}/action", add, token=ADMIN)

        assert manage(cloud, "cell_v2", "discover_hosts") == 0
        [mapping] = [row for row in cloud.rows("api", api_models.host_mappings) if row.host == host]
        assert {cell.id: cell.name for cell in cloud.cells}[mapping.cell_id] == "cell2"
        assert hypervisors() == hypervisors("/detail") == {*cloud.drivers(), host}
        shown = cloud.compute.get(alone, token=ADMIN)["hypervisor"]
        assert shown["hypervisor_hostname"] == host
        answer = cloud.compute("POST", "/servers", wanted, token=ADMIN, status=202).json()
        uuid = answer["server"]["id"]
        assert cloud.wait_until(uuid, "ACTIVE")["OS-EXT-SRV-ATTR:host"] == host
        assert cloud.cell_of(uuid) == "cell2"
        cloud.delete(uuid)
        cloud.wait_gone(uuid)
        cloud.assert_nothing_is_left()
    cloud.compute("DELETE", path, token=ADMIN, status=200)


def test_rows_of_a_build_that_no_cell_has_yet(cloud: Cloud) -> None:
    """instance_mapping, request_spec and build_request are written by the API before a cell is chosen.

    Pause the scheduler, POST /servers, check three rows and a null cell_id.
    """
    with silent_scheduler(cloud):
        uuid = cloud.create()
        tables = (
            api_models.instance_mappings,
            api_models.request_specs,
            api_models.build_requests,
        )
        mapping, _spec, _request = (
            next(row for row in cloud.rows("api", table) if row.instance_uuid == uuid)
            for table in tables
        )
        assert mapping.cell_id is None
        assert cloud.cell_of(uuid) is None
    cloud.wait_until(uuid, "ACTIVE")


def test_each_of_fifty_servers_stands_in_one_cell(cloud: Cloud) -> None:
    """After scheduling the instance lives only in the chosen cell, the mapping points to it and the build request is
    gone.

    Boot 50 servers on 2 cells; each uuid found in exactly one cell database.
    """
    quota = f"/os-quota-sets/{PROJECT}"
    cloud.compute("PUT", quota, {"quota_set": {"instances": 50}}, token=ADMIN, status=200)
    try:
        many = cloud.body(min_count=50, max_count=50)
        cloud.compute("POST", "/servers", many, status=202)
        wait_for("50 servers", lambda: len(cloud.listed("/servers?status=ACTIVE")) == 50)
        found = set(cloud.listed())
        places = {
            name: {row.uuid for row in cloud.rows(name, cell_models.instances)} & found
            for name in CELLS
        }
        assert places["cell0"] == set()
        assert places["cell1"]
        assert places["cell2"]
        assert places["cell1"] | places["cell2"] == found
        assert not places["cell1"] & places["cell2"]
        numbers = {cell.id: cell.name for cell in cloud.cells}
        mapped = {
            row.instance_uuid: numbers[row.cell_id]
            for row in cloud.rows("api", api_models.instance_mappings)
            if row.instance_uuid in found
        }
        assert mapped == {uuid: name for name, uuids in places.items() for uuid in uuids}
        assert cloud.rows("api", api_models.build_requests) == []
    finally:
        cloud.compute("DELETE", quota, token=ADMIN, status=202)


def test_what_is_global_needs_no_cell(cloud: Cloud) -> None:
    """Flavors, key pairs, aggregates, server groups, quota limits (project, user, class) and request specs are global
    (API database).

    Stop every cell database: those endpoints still answer 200.
    """
    key = {"keypair": {"name": "global", "public_key": PUBLIC_KEY}}
    group = {"server_group": {"name": "global", "policy": "anti-affinity"}}
    aggregate = {"aggregate": {"name": "global", "availability_zone": None}}
    cloud.compute("POST", "/os-keypairs", key, status=201)
    made_group = cloud.compute("POST", "/os-server-groups", group, status=200).json()
    made = cloud.compute("POST", "/os-aggregates", aggregate, token=ADMIN, status=200).json()
    group_path = f"/os-server-groups/{made_group['server_group']['id']}"
    aggregate_path = f"/os-aggregates/{made['aggregate']['id']}"
    with moved(cloud, nowhere(cloud, *CELLS)):
        for path in (
            "/flavors/detail",
            "/flavors/tiny",
            "/flavors/tiny/os-extra_specs",
            "/os-keypairs",
            "/os-keypairs/global",
            "/os-aggregates",
            aggregate_path,
            "/os-server-groups",
            group_path,
            f"/os-quota-sets/{PROJECT}",
            f"/os-quota-sets/{PROJECT}?user_id=fake",
            f"/os-quota-sets/{PROJECT}/detail",
            f"/os-quota-sets/{PROJECT}/defaults",
            "/os-quota-class-sets/default",
            "/limits",
        ):
            cloud.compute("GET", path, token=ADMIN if "keypairs" not in path else USER, status=200)
    cloud.compute("DELETE", "/os-keypairs/global", status=204)
    cloud.compute("DELETE", group_path, status=204)
    cloud.compute("DELETE", aggregate_path, token=ADMIN, status=200)


def test_a_server_has_all_its_records_in_its_own_cell(cloud: Cloud) -> None:
    """Instance actions, events, faults, tags and block device records are stored in the same cell as the instance.

    Boot with tags and volume, list actions and tags while the other cell is stopped.
    """
    volumes = {cell: cloud.cinder.add_volume() for cell in ("cell1", "cell2")}
    pair = {
        cell: cloud.create(
            cell,
            tags=[cell],
            block_device_mapping_v2=[
                {
                    "source_type": "volume",
                    "destination_type": "volume",
                    "uuid": volume,
                    "delete_on_termination": True,
                }
            ],
            availability_zone=f"nova:{cell}-host1",
            token=ADMIN,
        )
        for cell, volume in volumes.items()
    }
    failed = {}
    for cell, uuid in pair.items():
        cloud.wait_until(uuid, "ACTIVE")
        host = f"{cell}-host2"
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(cloud.drivers()[host], "spawn", refuse_spawn)
            failed[cell] = cloud.create(availability_zone=f"nova:{host}", token=ADMIN)
            cloud.wait_until_error(failed[cell])
    for stopped, other in (("cell1", "cell2"), ("cell2", "cell1")):
        with moved(cloud, nowhere(cloud, stopped, "cell0")):
            uuid = pair[other]
            assert cloud.show(uuid)["tags"] == [other]
            assert cloud.compute.get(f"/servers/{uuid}/tags") == {"tags": [other]}
            attached = cloud.compute.get(f"/servers/{uuid}/os-volume_attachments")
            [volume] = attached["volumeAttachments"]
            assert (volume["volumeId"], volume["device"]) == (volumes[other], "/dev/vdb")
            assert volume["attachment_id"] in cloud.cinder.attachments
            [record] = cloud.rows(other, cell_models.block_device_mappings)
            assert (record.instance_uuid, record.uuid) == (uuid, volume["bdm_uuid"])
            path = f"/servers/{uuid}/os-instance-actions"
            [create] = cloud.compute.get(path, token=ADMIN)["instanceActions"]
            shown = cloud.compute.get(f"{path}/{create['request_id']}", token=ADMIN)
            assert {event["result"] for event in shown["instanceAction"]["events"]} == {"Success"}
            assert (
                f"No guest {failed[other]} here." in cloud.show(failed[other])["fault"]["message"]
            )


@pytest.mark.parametrize("sort", ["created_at", "display_name", "uuid"])
def test_pages_of_one_over_all_places(cloud: Cloud, pair: dict[str, str], sort: str) -> None:
    """The marker may be in any cell, in cell0 or in a build request.

    Page with limit=1 through servers placed in each of the three places; no 400, none missing or twice.
    """
    buried = cloud.create("buried", flavorRef="huge")
    cloud.wait_until_error(buried)
    with silent_scheduler(cloud):
        waiting = cloud.create("waiting")
        expected = {*pair.values(), buried, waiting}
        for direction in ("asc", "desc"):
            path = f"/servers?limit=1&sort_key={sort}&sort_dir={direction}"
            seen: list[str] = []
            while page := cloud.listed(f"{path}&marker={seen[-1]}" if seen else path):
                seen += page
                assert len(seen) <= len(expected), "it goes round in circles"
            assert len(seen) == len(expected)
            assert set(seen) == expected
    cloud.wait_until(waiting, "ACTIVE")


def test_a_changed_url_is_used_without_a_restart(cloud: Cloud, pair: dict[str, str]) -> None:
    """nova-manage cell_v2 update_cell (name, urls, --enable, --disable) without restarting services.

    Change url while services run; next request uses it (within the two seconds that a mapping is trusted). Of cell0
    too; name and bus are in the next test, what a disabled cell still does is in
    ``tests/functional/scheduler/test_cells.py``.
    """
    buried = cloud.create("cell0", flavorRef="huge")
    cloud.wait_until_error(buried)
    for cell, uuid in (("cell2", pair["cell2"]), ("cell0", buried)):
        copy = cloud.folder / f"moved-{cell}.db"
        with sqlite3.connect(Mover(cloud).path(cell)) as old, sqlite3.connect(copy) as new:
            old.backup(new)
            new.execute("UPDATE instances SET display_name = 'moved' WHERE uuid = ?", [uuid])
        old.close()
        new.close()
        with moved(cloud, {cell: f"sqlite:///{copy}"}):
            assert cloud.show(uuid)["name"] == "moved"
            assert cloud.show(pair["cell1"])["name"] == "cell1"
        assert cloud.show(uuid)["name"] == cell


def test_a_changed_name_and_bus_are_used_without_a_restart(
    cloud: Cloud, pair: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """nova-manage cell_v2 update_cell (name, urls, --enable, --disable) without restarting services.

    Change url while services run; next request uses it.
    """
    [before] = [cell for cell in cloud.cells if cell.name == "cell2"]
    targets = cloud.embedded.plane.targets
    casts: list[Bus] = []
    cast = Bus.cast

    def remember(bus: Bus, *message: Any, **more: Any) -> None:
        casts.append(bus)
        cast(bus, *message, **more)

    def update(name: str, transport_url: str) -> Cell:
        words = ["--cell_uuid", before.uuid, "--name", name, "--transport-url", transport_url]
        words += ["--database_connection", before.database_url]
        assert manage(cloud, "cell_v2", "update_cell", *words) == 0
        wait_for("the change", lambda: name in {cell.name for cell in cloud.cells})
        [cell] = [cell for cell in cloud.cells if cell.uuid == before.uuid]
        assert (cell.name, cell.transport_url) == (name, transport_url)
        return cell

    def say() -> None:
        event = {"server_uuid": pair["cell2"], "name": "power-update", "tag": "POWER_OFF"}
        path, body = "/os-server-external-events", {"events": [event]}
        cloud.compute("POST", path, body, version="2.76", token=ADMIN, status=200)

    def guest() -> Any:
        uuid = pair["cell2"]
        return cloud.drivers()[cloud.guests()[uuid]]._files.read(uuid)

    after = update("second", "local:///elsewhere")
    try:
        with monkeypatch.context() as patched:
            patched.setattr(Bus, "cast", remember)
            say()
        elsewhere = targets.bus(after)
        assert elsewhere in casts
        assert guest().power_state is PowerState.RUNNING, "nobody heard it there"
    finally:
        again = update("cell2", before.transport_url)
    assert targets.bus(again) is not elsewhere
    say()
    wait_for("power off", lambda: guest().power_state is PowerState.SHUTDOWN)
