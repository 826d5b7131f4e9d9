"""Why a server finds no host: asked in advance, and told afterwards, over both cells and a real Placement."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.fakes.glance import TINY
from tests.functional.embedded.aggregates import aggregate
from tests.functional.embedded.plane import ADMIN, USER, Cloud, wait_for

PATH = "/os-scheduler-dry-run"


def ask(cloud: Cloud, *, hints: Any = None, **server: Any) -> dict[str, Any]:
    """The answer to a dry run, after which nothing is claimed or written."""
    body: dict[str, Any] = {
        "server": {"imageRef": TINY, "flavorRef": "tiny", "networks": "none", **server}
    }
    if hints:
        body["os:scheduler_hints"] = hints
    found: dict[str, Any] = cloud.compute("POST", PATH, body, token=ADMIN, status=200).json()
    assert cloud.leftovers() == {}
    return found


def constraint(answer: dict[str, Any], name: str) -> dict[str, Any]:
    [found] = [one for one in answer["constraints"] if one["name"] == name]
    return dict(found)


def changes(answer: dict[str, Any]) -> list[str]:
    assert answer["all_changes_tried"]
    return [change["change"] for change in answer["smallest_changes"]]


def fault_of(cloud: Cloud, **server: Any) -> tuple[str, list[str]]:
    """The message and the lines of the details of a server that finds no host."""
    fault = cloud.wait_until_error(cloud.create(**server))["fault"]
    return fault["message"], fault["details"].splitlines()


BOTH = {"cell1": {"removed": 2, "left": 0}, "cell2": {"removed": 2, "left": 0}}


def test_server_that_fits_gets_the_hosts_that_a_create_would_take(cloud: Cloud) -> None:
    answer = ask(cloud, max_count=2)
    assert answer["would_fit"]
    assert answer["message"] is None
    assert answer["smallest_changes"] == []
    assert len(answer["hosts"]) == 2
    for host in answer["hosts"]:
        assert host["host"] in cloud.drivers()
        assert host["cell"] == host["host"].partition("-")[0]
        [other] = host["alternates"]
        assert other["cell"] == host["cell"]
        assert other["host"] != host["host"]
    left = answer["constraints"][-1]
    assert (left["where"], left["left"]) == ("filter", 4)
    assert left["by_cell"] == {
        "cell1": {"removed": 0, "left": 2},
        "cell2": {"removed": 0, "left": 2},
    }


def test_impossible_flavor_is_counted_and_the_largest_that_fits_is_named(cloud: Cloud) -> None:
    answer = ask(cloud, flavorRef="huge")
    assert not answer["would_fit"]
    assert answer["hosts"] == []
    vcpus = constraint(answer, "VCPU (1000 asked)")
    assert (vcpus["where"], vcpus["removed"], vcpus["left"]) == ("placement", 4, 0)
    assert vcpus["by_cell"] == BOTH
    [change] = answer["smallest_changes"]
    assert (change["kind"], change["what"], change["from"]) == ("reduce", "VCPU", "1000")
    assert change["change"] == f"reduce VCPU from 1000 to {change['to']}"
    flavorid = f"fits-{uuid.uuid4()}"
    for more, fits in ((0, True), (1, False)):
        cloud.make_flavor(f"{flavorid}-{more}", vcpus=int(change["to"]) + more, ram=64)
        assert ask(cloud, flavorRef=f"{flavorid}-{more}")["would_fit"] is fits

    message, details = fault_of(cloud, flavorRef="huge")
    assert answer["message"] == message
    assert details[0] == "Hosts at first: 4 (cell1 2, cell2 2)"
    assert "placement: VCPU (1000 asked) removed 4 (cell1 2, cell2 2), left 0" in details


@pytest.mark.parametrize("is_known", [True, False], ids=["known", "never made"])
def test_missing_trait_is_counted_and_leaving_it_out_is_named(cloud: Cloud, is_known: bool) -> None:
    trait = f"CUSTOM_{uuid.uuid4().hex.upper()}"
    if is_known:
        cloud.placement("PUT", f"/traits/{trait}", status=201)
    cloud.make_flavor(trait)
    extra = {"extra_specs": {f"trait:{trait}": "required"}}
    cloud.compute("POST", f"/flavors/{trait}/os-extra_specs", extra, token=ADMIN, status=200)

    answer = ask(cloud, flavorRef=trait)
    assert not answer["would_fit"]
    found = constraint(answer, trait)
    assert (found["where"], found["removed"], found["by_cell"]) == ("placement", 4, BOTH)
    assert changes(answer) == [f"without trait {trait}"]

    message, details = fault_of(cloud, flavorRef=trait)
    assert answer["message"] == message
    assert f"{trait} removed 4" in message
    assert f"placement: {trait} removed 4 (cell1 2, cell2 2), left 0" in details


def test_disabled_hosts_are_counted_and_enabling_one_is_named(cloud: Cloud) -> None:
    with disabled(cloud, *cloud.drivers()):
        answer = ask(cloud)
        assert not answer["would_fit"]
        found = constraint(answer, "not COMPUTE_STATUS_DISABLED")
        assert (found["where"], found["removed"], found["by_cell"]) == ("placement", 4, BOTH)
        [change] = answer["smallest_changes"]
        assert change["kind"] == "enable"
        assert change["what"] in cloud.drivers()
        assert change["change"] == (
            f"enable the compute service of host {change['what']}, one of 4 that are disabled and suit"
        )
        message, details = fault_of(cloud)
        assert message.startswith("No valid host was found. Of 4 hosts:")
        assert (
            "placement: not COMPUTE_STATUS_DISABLED removed 4 (cell1 2, cell2 2), left 0" in details
        )
    host = change["what"]
    with disabled(cloud_cleared(cloud), *(other for other in cloud.drivers() if other != host)):
        [server] = ask(cloud)["hosts"]
        assert server["host"] == host


def test_wrong_zone_is_counted_and_the_right_one_is_named(cloud: Cloud) -> None:
    host = min(cloud.drivers())
    full = f"full-{uuid.uuid4()}"
    cloud.make_flavor(full, vcpus=1, ram=64)
    extra = {"extra_specs": {"capabilities:host": f"s!= {host}"}}
    cloud.compute("POST", f"/flavors/{full}/os-extra_specs", extra, token=ADMIN, status=200)
    with aggregate(cloud, "far", host, availability_zone="far"):
        # The request suits every host but the one in its zone.
        asked = {"flavorRef": full, "availability_zone": "far"}
        answer = ask(cloud, **asked)
        assert not answer["would_fit"]
        told = "member of the aggregates of availability zone far"
        found = constraint(answer, told)
        cell = host.partition("-")[0]
        assert (found["where"], found["removed"], found["left"]) == ("placement", 3, 1)
        assert found["by_cell"][cell] == {"removed": 1, "left": 1}
        assert constraint(answer, "ComputeCapabilitiesFilter")["by_cell"][cell] == {
            "removed": 1,
            "left": 0,
        }
        assert changes(answer)[:3] == [
            "ask for availability zone nova instead of far",
            "without availability zone far",
            f"without extra spec capabilities:host s!= {host}",
        ]
        message, details = fault_of(cloud, **asked)
        assert message == answer["message"]
        assert any(line.startswith(f"placement: {told} removed 3 (") for line in details)
        assert ask(cloud_cleared(cloud), flavorRef=full, availability_zone="nova")["would_fit"]


def test_a_dry_run_is_for_administrators_and_described(cloud: Cloud) -> None:
    body = {"server": {"imageRef": TINY, "flavorRef": "tiny", "networks": "none"}}
    cloud.compute.refused(403, "forbidden", "POST", PATH, body, token=USER)
    described = cloud.compute.get("/openapi.json")["paths"][PATH]
    assert "post" in described
    assert "get" not in described
    assert {"200", "400", "403", "503"} <= described["post"]["responses"].keys()


def cloud_cleared(cloud: Cloud) -> Cloud:
    cloud.clear()
    cloud.assert_nothing_is_left()
    return cloud


@contextmanager
def disabled(cloud: Cloud, *hosts: str) -> Iterator[None]:
    """The compute services of these hosts disabled, as their operator and Placement see it."""
    services = cloud.compute.get("/os-services?binary=nova-compute", token=ADMIN)["services"]
    ids = [service["id"] for service in services if service["host"] in hosts]
    try:
        set_status(cloud, ids, "disabled")
        yield
    finally:
        set_status(cloud, ids, "enabled")


def set_status(cloud: Cloud, ids: list[str], status: str) -> None:
    """Written by the API, and seen in Placement by the time this returns."""
    for service in ids:
        path = f"/os-services/{service}"
        cloud.compute("PUT", path, {"status": status}, token=ADMIN, status=200)
    query = "/resource_providers?required=COMPUTE_STATUS_DISABLED"
    expected = len(ids) if status == "disabled" else 0
    wait_for(
        f"{expected} disabled providers",
        lambda: len(cloud.placement.get(query)["resource_providers"]) == expected,
    )


def test_members_of_a_server_group_count_in_a_dry_run(cloud: Cloud) -> None:
    """A dry run knew of no member, and promised hosts on which the policy allows none."""
    policy = {"server_group": {"name": "apart", "policy": "anti-affinity", "rules": {}}}
    made = cloud.compute("POST", "/os-server-groups", policy, status=200).json()
    hints = {"group": made["server_group"]["id"]}
    answer = ask(cloud, hints=hints, max_count=4)
    assert answer["would_fit"]
    for _ in cloud.drivers():
        body = {**cloud.body(), "os:scheduler_hints": hints}
        server = cloud.compute("POST", "/servers", body, status=202).json()["server"]
        cloud.wait_until(server["id"], "ACTIVE")

    held = cloud.leftovers()
    told = cloud.compute(
        "POST",
        PATH,
        {**cloud.body(), "os:scheduler_hints": hints},
        token=ADMIN,
        status=200,
    ).json()
    assert cloud.leftovers() == held
    assert not told["would_fit"]
    assert constraint(told, "ServerGroupAntiAffinityFilter")["removed"] == len(cloud.drivers())
    assert f"without hint group {hints['group']}" in changes(told)
