"""Resizes and cold migrations over the whole plane: HTTP, both levels of databases, the real Placement."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa

from nova.db.api.models import instance_mappings, request_specs
from nova.db.cell.models import instances, services
from nova.db.cell.services import COMPUTE
from tests.functional.embedded.plane import ADMIN, PROJECT, READER, STRANGER, USER, Cloud, wait_for

SIZES = {"small": (1, 64), "large": (2, 128)}


@pytest.fixture(scope="module", autouse=True)
def _flavors(_cloud: Cloud) -> None:
    for name, (vcpus, ram) in SIZES.items():
        _cloud.make_flavor(name, vcpus=vcpus, ram=ram)


def act(cloud: Cloud, uuid: str, name: str, value: Any = None, **how: Any) -> None:
    status = 204 if name == "confirmResize" else 202
    cloud.compute(
        "POST",
        f"/servers/{uuid}/action",
        {name: value},
        **{"status": status, "token": ADMIN, **how},
    )


def resized(cloud: Cloud, flavor: str = "large", **more: Any) -> tuple[str, str]:
    """A server that waits for an answer, and the host where it was before."""
    server = cloud.build(flavorRef="small", **more)
    act(cloud, server["id"], "resize", {"flavorRef": flavor}, token=USER)
    cloud.wait_until(server["id"], "VERIFY_RESIZE")
    return server["id"], host_of(server)


def host_of(server: dict[str, Any]) -> str:
    return str(server["OS-EXT-SRV-ATTR:host"])


def migrations(cloud: Cloud, uuid: str) -> list[dict[str, Any]]:
    path = f"/os-migrations?instance_uuid={uuid}"
    found: list[dict[str, Any]] = cloud.compute.get(path, token=ADMIN)["migrations"]
    return found


def held(cloud: Cloud, uuid: str) -> dict[str, tuple[str, int, str]]:
    """What the server and its moves hold: consumer -> (host, vcpus, consumer type)."""
    consumers = [uuid, *(move["uuid"] for move in migrations(cloud, uuid))]
    names = {
        each["uuid"]: each["name"]
        for each in cloud.placement.get("/resource_providers")["resource_providers"]
    }
    found = {}
    for consumer in consumers:
        answer = cloud.placement.get(f"/allocations/{consumer}")
        for provider, on in answer["allocations"].items():
            assert consumer not in found
            found[consumer] = (names[provider], on["resources"]["VCPU"], answer["consumer_type"])
    return found


def usage(cloud: Cloud) -> tuple[int, int, int]:
    absolute = cloud.compute.get("/limits")["limits"]["absolute"]
    return (
        absolute["totalInstancesUsed"],
        absolute["totalCoresUsed"],
        absolute["totalRAMUsed"],
    )


def last_action(cloud: Cloud, uuid: str) -> dict[str, Any]:
    actions = cloud.compute.get(f"/servers/{uuid}/os-instance-actions", token=ADMIN)
    request_id = actions["instanceActions"][0]["request_id"]
    path = f"/servers/{uuid}/os-instance-actions/{request_id}"
    found: dict[str, Any] = cloud.compute.get(path, token=ADMIN)["instanceAction"]
    return found


def test_moves_hold_both_hosts(cloud: Cloud) -> None:
    """Moves hold both source and destination until confirm or revert, then free exactly one

    Check allocations before, in VERIFY_RESIZE, after confirm, after revert, after failure.
    """
    server = cloud.build(flavorRef="small")
    uuid, source = server["id"], host_of(server)
    before = {uuid: (source, 1, "INSTANCE")}
    assert held(cloud, uuid) == before

    act(cloud, uuid, "resize", {"flavorRef": "large"}, token=USER)
    shown = cloud.wait_until(uuid, "VERIFY_RESIZE")
    destination = host_of(shown)
    assert destination != source
    [move] = migrations(cloud, uuid)
    both = {uuid: (destination, 2, "INSTANCE"), move["uuid"]: (source, 1, "MIGRATION")}
    assert held(cloud, uuid) == both

    act(cloud, uuid, "revertResize", token=USER)
    cloud.wait_until(uuid, "ACTIVE")
    assert held(cloud, uuid) == before

    act(cloud, uuid, "resize", {"flavorRef": "large"}, token=USER)
    destination = host_of(cloud.wait_until(uuid, "VERIFY_RESIZE"))
    act(cloud, uuid, "confirmResize", token=USER)
    cloud.wait_until(uuid, "ACTIVE")
    after = {uuid: (destination, 2, "INSTANCE")}
    assert held(cloud, uuid) == after

    with failing(cloud, "take_over"):
        act(cloud, uuid, "migrate")
        wait_for("the end of it", lambda: last_action(cloud, uuid)["message"] == "Error")
        cloud.wait_until(uuid, "ACTIVE")
    assert held(cloud, uuid) == after
    assert cloud.guests()[uuid] == destination


@contextmanager
def failing(cloud: Cloud, step: str) -> Iterator[None]:
    """No driver can do that."""

    def refuse(*_args: Any, **_more: Any) -> None:
        raise RuntimeError(f"no {step} today")

    with pytest.MonkeyPatch.context() as patched:
        for driver in cloud.drivers().values():
            patched.setattr(driver, step, refuse)
        yield


def test_a_confirmed_resize_as_users_see_it(cloud: Cloud) -> None:
    uuid, source = resized(cloud)
    shown = cloud.show(uuid)
    assert shown["flavor"]["original_name"] == "large"
    assert shown["OS-EXT-STS:vm_state"] == "resized"
    assert shown["OS-EXT-STS:power_state"] == 1
    [move] = migrations(cloud, uuid)
    assert (move["status"], move["migration_type"]) == ("finished", "resize")
    assert (move["source_compute"], move["dest_compute"]) == (source, host_of(shown))
    assert move["old_instance_type_id"] != move["new_instance_type_id"]
    assert last_action(cloud, uuid)["action"] == "resize"
    assert all(event["result"] == "Success" for event in last_action(cloud, uuid)["events"])

    act(cloud, uuid, "confirmResize", token=USER)
    shown = cloud.wait_until(uuid, "ACTIVE")
    assert (host_of(shown), shown["flavor"]["original_name"]) == (move["dest_compute"], "large")
    assert migrations(cloud, uuid)[0]["status"] == "confirmed"
    assert last_action(cloud, uuid)["action"] == "confirmResize"
    assert [guest for guest in cloud.drivers()[source].guests() if guest.uuid == uuid] == []


def test_a_reverted_resize_as_users_see_it(cloud: Cloud) -> None:
    uuid, source = resized(cloud)
    destination = host_of(cloud.show(uuid))
    act(cloud, uuid, "revertResize", token=USER)
    shown = cloud.wait_until(uuid, "ACTIVE")
    assert (host_of(shown), shown["flavor"]["original_name"]) == (source, "small")
    assert shown["OS-EXT-STS:power_state"] == 1
    assert migrations(cloud, uuid)[0]["status"] == "reverted"
    assert last_action(cloud, uuid)["action"] == "revertResize"
    assert [guest for guest in cloud.drivers()[destination].guests() if guest.uuid == uuid] == []


def test_a_revert_claims_what_was_lost_or_leaves_the_server_where_it_is(cloud: Cloud) -> None:
    """1. What the move holds is lost. 2. Others are given the room. 3. The revert fails. 4. With room it succeeds."""
    uuid, source = resized(cloud)
    destination = host_of(cloud.show(uuid))
    [move] = migrations(cloud, uuid)
    kept = cloud.placement.get(f"/allocations/{move['uuid']}")
    [provider] = kept["allocations"]
    cloud.placement("DELETE", f"/allocations/{move['uuid']}", status=204)
    inventories = cloud.placement.get(f"/resource_providers/{provider}/inventories")["inventories"]
    other = "e" * 8 + "-0000-0000-0000-000000000000"
    body = {
        **kept,
        "allocations": {provider: {"resources": {"DISK_GB": inventories["DISK_GB"]["total"]}}},
        "consumer_generation": None,
        "consumer_type": "ACCELERATOR_POOL",
    }
    cloud.placement("PUT", f"/allocations/{other}", body, status=204)

    act(cloud, uuid, "revertResize", token=USER)
    wait_for("the end of it", lambda: last_action(cloud, uuid)["message"] == "Error")
    shown = cloud.wait_until(uuid, "VERIFY_RESIZE")
    assert (host_of(shown), shown["flavor"]["original_name"]) == (destination, "large")
    assert migrations(cloud, uuid)[0]["status"] == "finished"
    assert held(cloud, uuid) == {uuid: (destination, 2, "INSTANCE")}
    assert uuid in [guest.uuid for guest in cloud.drivers()[destination].guests()]
    told = [event["details"] for event in last_action(cloud, uuid)["events"]]
    assert f"Host {source} has no room any more for what the server was there." in told
    wait_for("what it counts for", lambda: usage(cloud) == (1, 2, 128))

    cloud.placement("DELETE", f"/allocations/{other}", status=204)
    act(cloud, uuid, "revertResize", token=USER)
    shown = cloud.wait_until(uuid, "ACTIVE")
    assert (host_of(shown), shown["flavor"]["original_name"]) == (source, "small")
    assert held(cloud, uuid) == {uuid: (source, 1, "INSTANCE")}
    after = cloud.placement.get(f"/allocations/{uuid}")["allocations"][provider]
    assert after["resources"] == kept["allocations"][provider]["resources"]


def test_a_host_leaves_alone_what_is_aside_on_it(cloud: Cloud) -> None:
    """The audit of guests knows of moves, and removes what is left when a move has ended."""
    uuid, source = resized(cloud)
    for agent in cloud.embedded._computes:
        agent._remove_unwanted()  # type: ignore[attr-defined]
    assert uuid in [guest.uuid for guest in cloud.drivers()[source].guests()]
    act(cloud, uuid, "revertResize", token=USER)
    cloud.wait_until(uuid, "ACTIVE")
    assert cloud.guests()[uuid] == source


def test_quota_is_freed_with_no_commit_step(cloud: Cloud) -> None:
    """Delete, failed build and reverted resize free quota with no commit step

    Usage after each equals the live count.
    """
    assert usage(cloud) == (0, 0, 0)
    uuid, _ = resized(cloud)
    assert usage(cloud) == (1, 2, 128)
    act(cloud, uuid, "revertResize", token=USER)
    assert usage(cloud) == (1, 1, 64)
    cloud.wait_until(uuid, "ACTIVE")
    assert usage(cloud) == (1, 1, 64)

    failed = cloud.create(flavorRef="huge")
    cloud.wait_until_error(failed)
    cloud.delete(failed)
    assert usage(cloud) == (1, 1, 64)

    # A resize that fails in its cell, which cannot tell anybody above.
    with failing(cloud, "take_over"):
        act(cloud, uuid, "resize", {"flavorRef": "large"})
        wait_for("the end of it", lambda: last_action(cloud, uuid)["message"] == "Error")
    wait_for("what it counted for", lambda: usage(cloud) == (1, 1, 64))

    # One to a smaller flavor counts for the larger one until it is confirmed.
    act(cloud, uuid, "resize", {"flavorRef": "large"})
    cloud.wait_until(uuid, "VERIFY_RESIZE")
    act(cloud, uuid, "confirmResize")
    cloud.wait_until(uuid, "ACTIVE")
    act(cloud, uuid, "resize", {"flavorRef": "small"})
    cloud.wait_until(uuid, "VERIFY_RESIZE")
    assert usage(cloud) == (1, 2, 128)
    act(cloud, uuid, "confirmResize")
    assert usage(cloud) == (1, 1, 64)
    cloud.wait_until(uuid, "ACTIVE")
    cloud.delete(uuid)
    assert usage(cloud) == (0, 0, 0)


def test_moves_stay_in_their_cell(cloud: Cloud) -> None:
    """Moves are limited to the source cell (Pike), unshelve happens in the mapped cell

    Resize with the only fitting host in another cell: NoValidHost, server unharmed.
    """
    server = cloud.build(flavorRef="small")
    uuid, source = server["id"], host_of(server)
    [neighbour] = computes_beside(cloud, uuid) - {source}
    [service] = cloud.compute.get(f"/os-services?host={neighbour}", token=ADMIN)["services"]
    path = f"/os-services/{service['id']}"
    before = held(cloud, uuid)
    cloud.compute("PUT", path, {"status": "disabled"}, token=ADMIN, status=200)
    try:
        for action, value in (("resize", {"flavorRef": "large"}), ("migrate", None)):
            act(cloud, uuid, action, value)
            wait_for("the end of it", lambda: last_action(cloud, uuid)["message"] == "Error")
            shown = cloud.wait_until(uuid, "ACTIVE")
            assert (host_of(shown), shown["flavor"]["original_name"]) == (source, "small")
            told = " ".join(
                str(event.get("details")) for event in last_action(cloud, uuid)["events"]
            )
            assert "No valid host was found" in told
            assert held(cloud, uuid) == before
            assert cloud.guests()[uuid] == source
            assert migrations(cloud, uuid)[0]["status"] == "error"
    finally:
        cloud.compute("PUT", path, {"status": "enabled"}, token=ADMIN, status=200)


def computes_beside(cloud: Cloud, uuid: str) -> set[str]:
    """The compute hosts of the server's cell."""
    rows = cloud.rows(str(cloud.cell_of(uuid)), services)
    return {row.host for row in rows if row.binary == COMPUTE}


def test_a_migration_to_a_named_host(cloud: Cloud) -> None:
    server = cloud.build(flavorRef="small")
    uuid, source = server["id"], host_of(server)
    [other] = computes_beside(cloud, uuid) - {source}
    path = f"/servers/{uuid}/action"
    ask = {"migrate": {"host": other}}
    cloud.compute.refused(403, "forbidden", "POST", path, ask, token=USER)
    for host in (source, "nowhere"):
        cloud.compute.refused(
            400, "badRequest", "POST", path, {"migrate": {"host": host}}, token=ADMIN
        )
    for host in cloud.drivers().keys() - computes_beside(cloud, uuid):
        ask = {"migrate": {"host": host}}
        text = cloud.compute.refused(400, "badRequest", "POST", path, ask, token=ADMIN)
        assert f"to host {host}: it is in another cell" in text
    assert migrations(cloud, uuid) == []
    act(cloud, uuid, "migrate", {"host": other})
    shown = cloud.wait_until(uuid, "VERIFY_RESIZE")
    assert host_of(shown) == other
    assert migrations(cloud, uuid)[0]["migration_type"] == "migration"
    act(cloud, uuid, "confirmResize")
    cloud.wait_until(uuid, "ACTIVE")


def test_servers_that_hold_hardware_by_number_stay_and_none_begins_to_hold_any(
    cloud: Cloud,
) -> None:
    cloud.make_flavor("pinned", vcpus=1, ram=64)
    specs = {"extra_specs": {"hw:numa_nodes": "1"}}
    cloud.compute("POST", "/flavors/pinned/os-extra_specs", specs, token=ADMIN, status=200)
    server = cloud.build(flavorRef="small")
    path = f"/servers/{server['id']}/action"
    body = {"resize": {"flavorRef": "pinned"}}
    text = cloud.compute.refused(400, "badRequest", "POST", path, body)
    assert "NUMA nodes" in text
    shown = cloud.show(server["id"])
    assert (shown["status"], shown["OS-EXT-STS:task_state"]) == ("ACTIVE", None)
    assert migrations(cloud, server["id"]) == []


def test_what_is_refused(cloud: Cloud) -> None:
    server = cloud.build(flavorRef="small")
    uuid = server["id"]
    path = f"/servers/{uuid}/action"
    for body in (
        {"resize": {"flavorRef": "small"}},
        {"resize": {"flavorRef": "none"}},
        {"resize": {}},
    ):
        cloud.compute.refused(400, "badRequest", "POST", path, body)
    for name in ("confirmResize", "revertResize"):
        text = cloud.compute.refused(409, "conflictingRequest", "POST", path, {name: None})
        assert text == f"Cannot '{name}' instance {uuid} while it is in vm_state active"
    cloud.compute.refused(403, "forbidden", "POST", path, {"migrate": None}, token=USER)
    cloud.compute.refused(
        403, "forbidden", "POST", path, {"resize": {"flavorRef": "large"}}, token=READER
    )
    cloud.compute(
        "PUT", f"/os-quota-sets/{PROJECT}", {"quota_set": {"cores": 1}}, token=ADMIN, status=200
    )
    try:
        text = cloud.compute.refused(
            403, "forbidden", "POST", path, {"resize": {"flavorRef": "large"}}
        )
        assert text.startswith("Quota exceeded for cores: Requested 1, but already used 1 of 1")
    finally:
        cloud.compute("DELETE", f"/os-quota-sets/{PROJECT}", token=ADMIN, status=202)


def test_a_server_that_waits_for_an_answer_can_be_deleted(cloud: Cloud) -> None:
    uuid, _ = resized(cloud)
    cloud.delete(uuid)
    cloud.wait_gone(uuid)
    cloud.assert_nothing_is_left()


def test_what_nobody_answers_is_confirmed_by_the_host(cloud: Cloud) -> None:
    """As with ``resize_confirm_window``, when that is over."""
    uuid, _ = resized(cloud)
    [agent] = [
        agent
        for agent in cloud.embedded._computes
        if agent._identity.host == host_of(cloud.show(uuid))  # type: ignore[attr-defined]
    ]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(agent, "_confirm_window_s", 3600)
        agent._confirm_overdue()  # type: ignore[attr-defined]
        assert cloud.show(uuid)["status"] == "VERIFY_RESIZE"
        patched.setattr(agent, "_confirm_window_s", 0)
        agent._confirm_overdue()  # type: ignore[attr-defined]
    shown = cloud.wait_until(uuid, "ACTIVE")
    assert held(cloud, uuid) == {uuid: (host_of(shown), 2, "INSTANCE")}
    assert migrations(cloud, uuid)[0]["status"] == "confirmed"
    wait_for("what it counts for", lambda: usage(cloud) == (1, 2, 128) and not unsettled(cloud))
    [spec] = [row.spec for row in cloud.rows("api", request_specs) if row.instance_uuid == uuid]
    assert spec["flavor"]["flavorid"] == "large"


def unsettled(cloud: Cloud) -> list[str]:
    rows = cloud.rows("api", instance_mappings)
    return [row.instance_uuid for row in rows if row.unsettled_at and not row.queued_for_delete]


def test_moves_in_two_cells_are_listed_together(cloud: Cloud) -> None:
    """Each is routed to the cell of its server."""
    servers: dict[str, str] = {}
    while len(set(servers.values())) < 2:
        uuid = cloud.build(flavorRef="small")["id"]
        servers[uuid] = str(cloud.cell_of(uuid))
    for uuid in servers:
        act(cloud, uuid, "migrate")
    for uuid in servers:
        cloud.wait_until(uuid, "VERIFY_RESIZE")
    listed = cloud.compute.get("/os-migrations?status=finished", token=ADMIN)["migrations"]
    assert {move["instance_uuid"] for move in listed} == set(servers)
    for uuid in servers:
        act(cloud, uuid, "confirmResize")
    for uuid in servers:
        cloud.wait_until(uuid, "ACTIVE")


@pytest.mark.parametrize("name", ["resize", "migrate", "confirmResize", "revertResize"])
def test_a_locked_or_foreign_server_is_not_moved(cloud: Cloud, name: str) -> None:
    server = cloud.build(flavorRef="small")
    uuid = server["id"]
    path, body = (
        f"/servers/{uuid}/action",
        {name: {"flavorRef": "large"} if name == "resize" else None},
    )
    cloud.compute.refused(404, "itemNotFound", "POST", path, body, token=STRANGER)
    cell = str(cloud.cell_of(uuid))
    with cloud.database(cell).write() as tx:
        tx.execute(sa.update(instances).where(instances.c.uuid == uuid).values(locked_by="owner"))
    manager = f"boss:{PROJECT}:manager,member,reader"
    text = cloud.compute.refused(409, "conflictingRequest", "POST", path, body, token=manager)
    assert text == f"Instance {uuid} is locked"
    gone = "00000000-0000-0000-0000-000000000000"
    cloud.compute.refused(404, "itemNotFound", "POST", f"/servers/{gone}/action", body)
