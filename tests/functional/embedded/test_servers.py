"""The life of servers over both cells: made, seen by users and administrators, deleted at every moment."""

from __future__ import annotations

import base64
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from groundwork.errors import Conflict
from nova.db.api import models as api_models
from nova.db.cell import models as cell_models
from nova.domain.injected_file import InjectedFile
from nova.virt.guest import GuestSpec
from tests.fakes.glance import TINY
from tests.functional.embedded.plane import (
    ADMIN,
    OTHER_PROJECT,
    PROJECT,
    READER,
    STRANGER,
    USER,
    Cloud,
    held_spawns,
    silent_scheduler,
    wait_for,
)

NEWEST = "2.103"


def actions(cloud: Cloud, uuid: str) -> list[str]:
    """The actions on a server, living or not, oldest first."""
    path = f"/servers/{uuid}/os-instance-actions"
    found = cloud.compute.get(path, version="2.21", token=ADMIN)["instanceActions"]
    return [each["action"] for each in reversed(found)]


def events(cloud: Cloud, uuid: str, action: str) -> dict[str, str | None]:
    """The results of the events of an action."""
    path = f"/servers/{uuid}/os-instance-actions"
    found = cloud.compute.get(path, version="2.51", token=ADMIN)["instanceActions"]
    [request_id] = [each["request_id"] for each in found if each["action"] == action]
    shown = cloud.compute.get(f"{path}/{request_id}", version="2.51", token=ADMIN)
    return {each["event"]: each["result"] for each in shown["instanceAction"]["events"]}


def test_server_is_created_shown_listed_and_deleted(cloud: Cloud) -> None:
    shown = cloud.build("one")
    uuid, host = shown["id"], shown["OS-EXT-SRV-ATTR:host"]
    assert shown["OS-EXT-STS:power_state"] == 1
    assert shown["OS-EXT-STS:vm_state"] == "active"
    assert shown["OS-SRV-USG:launched_at"]
    assert shown["hostId"]
    assert shown["host_status"] == "UP"
    assert cloud.listed() == [uuid]
    assert cloud.listed("/servers/detail") == [uuid]
    assert cloud.cell_of(uuid) == host.partition("-")[0]
    assert cloud.allocations() == {uuid: host}
    assert cloud.guests() == {uuid: host}
    assert cloud.rows("api", api_models.build_requests) == []
    assert (
        cloud.compute("GET", f"/servers/{uuid}").headers["OpenStack-API-Version"] == "compute 2.96"
    )

    cloud.delete(uuid, token=USER)
    cloud.wait_gone(uuid)
    assert cloud.listed() == []
    assert cloud.listed("/servers?status=deleted&all_tenants=1", token=ADMIN)
    assert actions(cloud, uuid) == ["create", "delete"]
    assert set(events(cloud, uuid, "create").values()) == {"Success"}
    assert set(events(cloud, uuid, "delete").values()) == {"Success"}


def test_create_with_everything_that_can_be_asked_for(cloud: Cloud) -> None:
    public_key = (
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f me"
    )
    key = {"keypair": {"name": "mine", "public_key": public_key}}
    cloud.compute("POST", "/os-keypairs", key, status=201)
    body = cloud.body(
        "all of it",
        adminPass="secret",
        metadata={"k": "v"},
        **{"OS-DCF:diskConfig": "MANUAL"},
        accessIPv4="192.0.2.1",
        accessIPv6="2001:db8::1",
        availability_zone="nova",
        config_drive=True,
        key_name="mine",
        security_groups=[{"name": "web"}],
        user_data="aGVsbG8=",
        description="a server",
        tags=["b", "a"],
        trusted_image_certificates=["cert"],
        hostname="web.example.com",
    )
    body["os:scheduler_hints"] = {"own": ["x"]}
    answer = cloud.compute("POST", "/servers", body, version=NEWEST, status=202).json()["server"]
    assert answer["adminPass"] == "secret"
    cloud.wait_until(answer["id"], "ACTIVE")
    shown = cloud.show(answer["id"], version="2.100", token=ADMIN)
    expected = {
        "name": "all of it",
        "metadata": {"k": "v"},
        "OS-DCF:diskConfig": "MANUAL",
        "accessIPv4": "192.0.2.1",
        "accessIPv6": "2001:db8::1",
        "OS-EXT-AZ:availability_zone": "nova",
        "pinned_availability_zone": "nova",
        "config_drive": "True",
        "key_name": "mine",
        "security_groups": [{"name": "web"}],
        "OS-EXT-SRV-ATTR:user_data": "aGVsbG8=",
        "description": "a server",
        "tags": ["a", "b"],
        "trusted_image_certificates": ["cert"],
        "OS-EXT-SRV-ATTR:hostname": "web.example.com",
        "scheduler_hints": {"own": ["x"]},
        "locked": False,
        "locked_reason": None,
        "server_groups": [],
    }
    assert {name: shown[name] for name in expected} == expected
    assert shown["image"]["id"] == TINY
    assert shown["image"]["properties"]["os_distro"] == "none"
    assert shown["flavor"]["original_name"] == "tiny"
    # What was asked of the build does not stay behind in its journal.
    journals = [
        str(row.payload)
        for cell in cloud.cells
        for row in cloud.rows(cell.name, cell_models.instance_actions)
    ]
    assert not any("secret" in payload for payload in journals)
    cloud.compute("DELETE", "/os-keypairs/mine", status=204)


def test_files_of_a_request_come_to_its_guest_and_are_forgotten(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when the first host fails, and until then only; who is asked for a server never sees them."""
    seen: list[tuple[InjectedFile, ...]] = []
    for driver in cloud.drivers().values():
        spawn = driver.spawn

        def fail_once(guest: GuestSpec, spawn: Any = spawn) -> None:
            seen.append(guest.files)
            assert "hello" not in repr(guest)
            if len(seen) == 1:
                raise Conflict("this host is no good")
            spawn(guest)

        monkeypatch.setattr(driver, "spawn", fail_once)
    contents = base64.b64encode(b"hello").decode()
    body = cloud.body(personality=[{"path": "/etc/motd", "contents": contents}])
    made = cloud.compute("POST", "/servers", body, version="2.56", status=202).json()["server"]
    server = cloud.wait_until(made["id"], "ACTIVE")
    assert seen == [(InjectedFile("/etc/motd", b"hello"),)] * 2
    cell = cloud.cell_of(server["id"])
    assert cell is not None
    for row in cloud.rows(cell, cell_models.instance_actions):
        assert contents not in str(row.payload)


def test_several_servers_of_one_request(cloud: Cloud) -> None:
    body = cloud.body("many", min_count=2, max_count=3, return_reservation_id=True)
    answer = cloud.compute("POST", "/servers", body, status=202).json()
    listed = f"/servers/detail?status=ACTIVE&reservation_id={answer['reservation_id']}"
    wait_for("three servers", lambda: len(cloud.listed(listed)) == 3)
    shown = cloud.compute.get(listed)["servers"]
    assert sorted(server["name"] for server in shown) == ["many-1", "many-2", "many-3"]
    assert len(cloud.allocations()) == 3


def test_servers_spread_over_both_cells_and_are_listed_together(cloud: Cloud) -> None:
    hosts = [*cloud.drivers()]
    for number, host in enumerate(hosts):
        cloud.create(f"s{number}", availability_zone=f"nova:{host}", token=ADMIN)
    wait_for(
        "all of them",
        lambda: (
            len(cloud.listed("/servers?status=ACTIVE&all_tenants=1", token=ADMIN)) == len(hosts)
        ),
    )
    shown = cloud.compute.get("/servers/detail?sort_key=display_name&sort_dir=asc", token=ADMIN)
    assert [server["name"] for server in shown["servers"]] == [f"s{n}" for n in range(len(hosts))]
    assert [server["OS-EXT-SRV-ATTR:host"] for server in shown["servers"]] == hosts
    assert {host.partition("-")[0] for host in hosts} == {"cell1", "cell2"}
    read: list[str] = []
    path = "/servers?limit=1&sort_key=display_name"
    while path:
        page = cloud.compute.get(path)
        read += [server["name"] for server in page["servers"]]
        [link] = page.get("servers_links", [{"href": ""}])
        path = link["href"].removeprefix(cloud.compute.url)
    assert read == [f"s{n}" for n in reversed(range(len(hosts)))]


@pytest.mark.parametrize(
    ("asked", "version"),
    [
        ({"availability_zone": "nova:{host}"}, "2.1"),
        ({"availability_zone": "nova:{host}:{host}"}, "2.1"),
        ({"availability_zone": "nova::{host}"}, "2.1"),
        ({"host": "{host}"}, "2.74"),
        ({"hypervisor_hostname": "{host}"}, "2.74"),
        ({"host": "{host}", "hypervisor_hostname": "{host}"}, "2.74"),
    ],
)
def test_administrator_chooses_the_host(cloud: Cloud, asked: dict[str, str], version: str) -> None:
    for host in (min(cloud.drivers()), max(cloud.drivers())):
        wish = {name: value.format(host=host) for name, value in asked.items()}
        networks = None if version == "2.1" else "none"
        uuid = cloud.create(version=version, token=ADMIN, networks=networks, **wish)
        assert cloud.wait_until(uuid, "ACTIVE")["OS-EXT-SRV-ATTR:host"] == host


def test_impossible_flavor_is_buried_in_cell0_with_counted_reasons(cloud: Cloud) -> None:
    """A build that never finds a host is buried in cell0 in ERROR with a fault, and can be shown, listed and deleted.

    Ask for an impossible flavor; check cell0 row, fault body, delete, then no rows or allocations left.
    """
    uuid = cloud.create("huge", flavorRef="huge")
    shown = cloud.wait_until_error(uuid)
    fault = shown["fault"]
    assert fault["code"] == 500
    assert fault["message"].startswith("No valid host was found. Of 4 hosts:")
    assert "VCPU (1000 asked) removed 4" in fault["message"]
    assert "MEMORY_MB (64 asked) removed 0" in fault["message"]
    assert len(fault["message"]) < 255
    assert cloud.cell_of(uuid) == "cell0"
    assert shown["OS-EXT-SRV-ATTR:host"] is None
    assert shown["OS-EXT-STS:vm_state"] == "error"
    assert cloud.allocations() == {}
    # The details are for administrators: every constraint in order, with the hosts of each cell.
    disabled, *rest = fault["details"].splitlines()[1:]
    assert fault["details"].startswith("Hosts at first: 4 (cell1 2, cell2 2)\n")
    assert disabled == (
        "placement: not COMPUTE_STATUS_DISABLED removed 0, left 4 (cell1 2, cell2 2)"
    )
    assert "placement: VCPU (1000 asked) removed 4 (cell1 2, cell2 2), left 0" in rest
    own = cloud.show(uuid, token=USER)["fault"]
    assert own["message"] == fault["message"]
    assert "details" not in own
    assert actions(cloud, uuid) == ["create"]
    assert events(cloud, uuid, "create")["conductor_schedule"] == "Error"
    assert cloud.listed("/servers?status=ERROR") == [uuid]
    cloud.delete(uuid, token=USER)
    cloud.wait_gone(uuid)
    assert actions(cloud, uuid) == ["create", "delete"]


def test_absent_node_of_a_known_host_finds_no_host(cloud: Cloud) -> None:
    host = min(cloud.drivers())
    uuid = cloud.create(availability_zone=f"nova:{host}:lost", token=ADMIN)
    assert "No valid host" in cloud.wait_until_error(uuid)["fault"]["message"]
    assert cloud.cell_of(uuid) == "cell0"


def test_requests_that_fit_only_partly_fail_whole(cloud: Cloud) -> None:
    """Servers of one request are scheduled together: none is left on a host when one finds none."""
    # One fits on each of the four hosts.
    cloud.make_flavor("half", ram=70000)
    body = cloud.body(
        "many", flavorRef="half", min_count=5, max_count=5, return_reservation_id=True
    )
    cloud.compute("POST", "/servers", body, status=202)
    listed = "/servers?status=ERROR"
    wait_for("five failures", lambda: len(cloud.listed(listed)) == 5)
    assert cloud.allocations() == {}
    cloud.compute("DELETE", "/flavors/half", token=ADMIN, status=202)


def test_users_see_less_than_administrators(cloud: Cloud) -> None:
    uuid = cloud.build()["id"]
    hidden = {
        "OS-EXT-SRV-ATTR:host",
        "OS-EXT-SRV-ATTR:hypervisor_hostname",
        "OS-EXT-SRV-ATTR:instance_name",
        "OS-EXT-SRV-ATTR:reservation_id",
        "OS-EXT-SRV-ATTR:user_data",
        "OS-EXT-SRV-ATTR:kernel_id",
        "OS-EXT-SRV-ATTR:ramdisk_id",
        "OS-EXT-SRV-ATTR:launch_index",
        "OS-EXT-SRV-ATTR:root_device_name",
        "host_status",
    }
    seen = {token: set(cloud.show(uuid, token=token)) for token in (ADMIN, USER, READER)}
    assert seen[ADMIN] - seen[USER] == hidden
    assert seen[READER] == seen[USER]
    before = set(cloud.show(uuid, token=USER, version="2.89"))
    assert seen[USER] >= before | {"OS-EXT-SRV-ATTR:hostname"}
    assert "OS-EXT-SRV-ATTR:hostname" not in before


def test_others_have_nothing_to_do_with_it(cloud: Cloud) -> None:
    uuid = cloud.build()["id"]
    for method in ("GET", "DELETE"):
        text = cloud.compute.refused(
            404, "itemNotFound", method, f"/servers/{uuid}", token=STRANGER
        )
        assert uuid in text
    assert cloud.listed(token=STRANGER) == []
    text = cloud.compute.refused(
        400, "badRequest", "GET", f"/servers?marker={uuid}", token=STRANGER
    )
    assert "marker" in text
    cloud.compute.refused(403, "forbidden", "GET", "/servers?all_tenants=1", token=STRANGER)
    cloud.compute.refused(403, "forbidden", "DELETE", f"/servers/{uuid}", token=READER)
    assert cloud.listed("/servers?all_tenants=1", token=ADMIN) == [uuid]
    assert cloud.show(uuid)["status"] == "ACTIVE"


def test_delete_while_the_guest_is_being_made(cloud: Cloud) -> None:
    with held_spawns(cloud) as release:
        uuid = cloud.create()
        wait_for("a half-made guest", lambda: uuid in cloud.guests())
        shown = cloud.show(uuid)
        assert (shown["status"], shown["OS-EXT-STS:task_state"]) == ("BUILD", "spawning")
        cloud.delete(uuid, token=USER)
        assert cloud.compute("GET", f"/servers/{uuid}").status_code in (200, 404)
        release.set()
        cloud.wait_gone(uuid)
    assert actions(cloud, uuid) == ["create", "delete"]
    cloud.assert_nothing_is_left()


def test_delete_of_a_build_request(cloud: Cloud) -> None:
    """Show, list and DELETE work on a server that is only a build request.

    With the scheduler paused: show, list, delete; then resume and see no build happen.
    """
    with silent_scheduler(cloud) as release:
        uuid = cloud.create()
        shown = cloud.show(uuid)
        assert (shown["status"], shown["OS-EXT-STS:task_state"]) == ("BUILD", "scheduling")
        assert cloud.listed("/servers/detail?status=BUILD") == [uuid]
        assert cloud.cell_of(uuid) is None
        cloud.delete(uuid, token=USER)
        # Gone for its user at once, and it counts no more.
        cloud.compute.refused(404, "itemNotFound", "GET", f"/servers/{uuid}")
        cloud.compute.refused(404, "itemNotFound", "DELETE", f"/servers/{uuid}")
        assert cloud.listed() == []
        release.set()
    cloud.assert_nothing_is_left()
    assert cloud.cell_of(uuid) is None
    assert not any(row.instance_uuid == uuid for row in cloud.rows("api", api_models.request_specs))


def test_delete_is_done_once_however_often_it_is_asked_for(cloud: Cloud) -> None:
    uuid = cloud.build()["id"]
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: cloud.compute("DELETE", f"/servers/{uuid}"), range(8)))
    assert {answer.status_code for answer in answers} <= {204, 404}
    cloud.wait_gone(uuid)
    assert actions(cloud, uuid).count("delete") == 1


BAD: list[tuple[str, str, dict[str, Any] | None, dict[str, Any], int, str]] = [
    ("POST", "/servers", {"colour": "blue"}, {}, 400, "colour"),
    ("POST", "/servers", {"name": 7}, {}, 400, "name"),
    ("POST", "/servers", {"imageRef": str(uuid.UUID(int=9))}, {}, 400, "image"),
    ("POST", "/servers", {"flavorRef": "lost"}, {}, 400, "lost"),
    ("POST", "/servers", {"min_count": 2, "max_count": 1}, {}, 400, "min_count"),
    ("POST", "/servers", {"metadata": {str(n): "v" for n in range(6)}}, {}, 403, "metadata"),
    ("POST", "/servers", {"min_count": 21}, {}, 403, "Quota exceeded for instances: Requested 21"),
    ("POST", "/servers", {"flavorRef": "zero"}, {}, 403, "zero disk"),
    ("POST", "/servers", {}, {"token": READER}, 403, "os_compute_api:servers:create"),
    ("POST", "/servers", {"host": "cell1-host1"}, {}, 403, "requested_destination"),
    ("POST", "/servers", {}, {"version": "2.9999"}, 406, "2.9999"),
    ("POST", "/servers", {}, {"version": "two"}, 400, "two"),
    ("GET", "/servers?marker=lost", None, {}, 400, "marker"),
    ("GET", "/servers?limit=x", None, {}, 400, "limit"),
    ("GET", "/servers?colour=blue", None, {}, 400, "colour"),
    ("GET", "/servers/lost", None, {}, 404, "lost"),
    ("DELETE", "/servers/lost", None, {}, 404, "lost"),
    ("GET", f"/{OTHER_PROJECT}/servers", None, {}, 400, OTHER_PROJECT),
]


@pytest.mark.parametrize(
    ("method", "path", "server", "how", "status", "word"),
    BAD,
    ids=[f"{method} {path} {server} {how}"[:70] for method, path, server, how, *_ in BAD],
)
def test_bad_input_is_refused_and_leaves_nothing(
    cloud: Cloud,
    method: str,
    path: str,
    server: dict[str, Any] | None,
    how: dict[str, Any],
    status: int,
    word: str,
) -> None:
    key = {
        400: "badRequest",
        403: "forbidden",
        404: "itemNotFound",
        406: "computeFault",
    }[status]
    bodies = [] if server is None else [cloud.body(**server)]
    assert word in cloud.compute.refused(status, key, method, path, *bodies, **how)
    assert cloud.leftovers() == {}


def test_parallel_creates_at_the_quota_end_with_exactly_as_many(cloud: Cloud) -> None:
    """A create that loses the recheck leaves no stray ERROR server, allocation, port or mapping"""
    with ThreadPoolExecutor(16) as threads:
        answers = list(
            threads.map(
                lambda number: cloud.compute("POST", "/servers", cloud.body(f"s{number}")),
                range(60),
            )
        )
    statuses = [answer.status_code for answer in answers]
    assert (statuses.count(202), statuses.count(403)) == (20, 40)
    assert len(cloud.listed("/servers?limit=1000")) == 20
    wait_for("20 builds", lambda: len(cloud.listed("/servers?status=ACTIVE")) == 20)
    assert len(cloud.allocations()) == 20
    assert cloud.listed("/servers?status=ERROR") == []
    mappings = cloud.rows("api", api_models.instance_mappings)
    assert sum(not row.queued_for_delete for row in mappings) == 20


def test_services_and_hypervisors_of_both_cells_are_there(cloud: Cloud) -> None:
    services = cloud.compute.get("/os-services", token=ADMIN)["services"]
    assert {(each["binary"], each["host"]) for each in services} == {
        ("nova-scheduler", "plane"),
        ("nova-conductor", "plane"),
        ("nova-conductor", "cell1-conductor"),
        ("nova-conductor", "cell2-conductor"),
        *(("nova-compute", host) for host in cloud.drivers()),
    }
    assert {each["state"] for each in services} == {"up"}
    hypervisors = cloud.compute.get("/os-hypervisors/detail?with_servers=true", token=ADMIN)
    assert {each["hypervisor_hostname"] for each in hypervisors["hypervisors"]} == {
        *cloud.drivers()
    }
    assert PROJECT not in cloud.compute.url


def test_project_in_the_url_stays_in_links(cloud: Cloud) -> None:
    uuid = cloud.build()["id"]
    shown = cloud.compute.get(f"/{PROJECT}/servers/{uuid}")["server"]
    root = cloud.root.url
    assert [link["href"] for link in shown["links"]] == [
        f"{root}/v2.1/{PROJECT}/servers/{uuid}",
        f"{root}/{PROJECT}/servers/{uuid}",
    ]
