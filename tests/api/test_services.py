"""``/os-services`` over two cells and cell0."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from nova.api.compute.services.operations import Services
from nova.db.api.models import aggregate_hosts, host_mappings
from nova.db.cell import server_migrations
from nova.db.cell.models import compute_nodes, services
from nova.domain.migration import MigrationStatus
from tests.api.deployment import Deployment, keys_of, sample
from tests.api.moves import add_migration

MISSING = "99999999-9999-4999-8999-999999999999"
TRAIT = "COMPUTE_STATUS_DISABLED"


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Deployment]:
    deployment = Deployment(tmp_path)
    deployment.serve(
        Services(
            registry=deployment.registry,
            scatter=deployment.scatter,
            targets=deployment.targets,
            api_database=deployment.api_database,
            placement=deployment.placement,
            zone_names=deployment.zone_names,
            service_down_time_s=60,
            clock=deployment.clock,
        )
    )
    yield deployment
    deployment.close()


def listed(cloud: Deployment, query: str = "", version: str = "2.53") -> list[dict[str, Any]]:
    answer = cloud.request(f"/os-services{query}", version=version)
    assert answer.status_int == 200, answer.text
    return list(answer.json["services"])


def put(cloud: Deployment, target: str, body: Any, version: str = "2.53", status: int = 200) -> Any:
    answer = cloud.request(f"/os-services/{target}", version=version, method="PUT", body=body)
    assert answer.status_int == status, answer.text
    return answer.json


def test_list_spans_all_cells_and_the_global_services(cloud: Deployment) -> None:
    cloud.add_service("cell0", "ctl", "nova-scheduler")
    cloud.add_service("cell1", "ctl1", "nova-conductor")
    cloud.add_service("cell1", "a")
    cloud.add_service("cell2", "b", age_s=61)
    cloud.add_service("cell2", "c", disabled=True)
    cloud.add_service("cell0", "api", "nova-osapi_compute")
    cloud.add_zone("east", "a")
    found = {row["host"]: row for row in listed(cloud)}
    assert sorted(found) == ["a", "b", "c", "ctl", "ctl1"]
    assert {host: row["zone"] for host, row in found.items()} == {
        "a": "east",
        "b": "nova",
        "c": "nova",
        "ctl": "internal",
        "ctl1": "internal",
    }
    assert (found["a"]["state"], found["b"]["state"]) == ("up", "down")
    assert (found["a"]["status"], found["c"]["status"]) == ("enabled", "disabled")


def test_list_filters_by_host_and_binary(cloud: Deployment) -> None:
    cloud.add_service("cell1", "a")
    cloud.add_service("cell1", "a", "nova-conductor")
    cloud.add_service("cell2", "b")
    assert len(listed(cloud, "?host=a")) == 2
    assert [row["host"] for row in listed(cloud, "?binary=nova-compute")] == ["a", "b"]
    assert listed(cloud, "?host=a&binary=nova-scheduler") == []


def test_unknown_query_keys_are_refused_since_2_75(cloud: Deployment) -> None:
    assert cloud.request("/os-services?odd=1", version="2.74").status_int == 200
    assert cloud.request("/os-services?odd=1", version="2.75").status_int == 400


@pytest.mark.parametrize(
    ("version", "folder"), [("2.1", ""), ("2.10", ""), ("2.11", "v2.11/"), ("2.53", "v2.53/")]
)
def test_list_looks_as_documented(cloud: Deployment, version: str, folder: str) -> None:
    cloud.add_service("cell0", "host1", "nova-scheduler")
    cloud.add_service("cell1", "host1")
    expected = sample(f"os-services/{folder}services-list-get-resp.json")
    answer = cloud.request("/os-services", version=version).json
    assert keys_of(answer) == keys_of(expected)


def test_silent_cell_gives_partial_rows_since_2_69(cloud: Deployment) -> None:
    cloud.add_service("cell1", "host1")
    cloud.add_service("cell1", "host2")
    cloud.add_service("cell2", "b")
    cloud.silence("cell1")
    assert [row["host"] for row in listed(cloud, version="2.68")] == ["b"]
    rows = listed(cloud, version="2.69")
    assert rows[0]["host"] == "b"
    expected = sample("os-services/v2.69/services-list-get-resp.json")
    assert rows[1:] == expected["services"]
    assert listed(cloud, "?host=host2", version="2.69") == expected["services"][1:]
    assert listed(cloud, "?binary=nova-conductor", version="2.69") == []


@pytest.mark.parametrize(
    ("version", "folder", "name", "verb"),
    [
        ("2.1", "", "disable", "disable"),
        ("2.1", "", "disable-log", "disable-log-reason"),
        ("2.1", "", "enable", "enable"),
        ("2.11", "v2.11/", "disable", "disable"),
        ("2.11", "v2.11/", "disable-log", "disable-log-reason"),
        ("2.11", "v2.11/", "enable", "enable"),
        ("2.11", "v2.11/", "force-down", "force-down"),
        ("2.53", "v2.53/", "disable", None),
        ("2.53", "v2.53/", "disable-log", None),
        ("2.53", "v2.53/", "enable", None),
        ("2.53", "v2.53/", "force-down", None),
    ],
)
def test_documented_changes_work(
    cloud: Deployment, version: str, folder: str, name: str, verb: str | None
) -> None:
    service, _ = cloud.add_compute("cell2", "host1")
    body = sample(f"os-services/{folder}service-{name}-put-req.json")
    expected = sample(f"os-services/{folder}service-{name}-put-resp.json")
    answer = put(cloud, verb or service.uuid, body, version)
    assert keys_of(answer) == keys_of(expected)
    if verb is not None:
        assert answer == expected
    after = listed(cloud)[0]
    assert after["status"] == ("disabled" if name.startswith("disable") else "enabled")
    assert after["disabled_reason"] == body.get("disabled_reason")
    assert after["forced_down"] is (name == "force-down")
    assert after["state"] == ("down" if name == "force-down" else "up")


def test_disabling_reaches_placement_and_may_be_repeated(cloud: Deployment) -> None:
    service, node = cloud.add_compute("cell1", "a")
    provider = cloud.fake_placement.providers[node.uuid]
    for _ in range(2):
        put(cloud, service.uuid, {"status": "disabled"})
        assert provider.traits == {TRAIT}
    provider.traits.add("COMPUTE_NODE")
    for _ in range(2):
        put(cloud, service.uuid, {"status": "enabled"})
        assert provider.traits == {"COMPUTE_NODE"}


def test_node_unknown_to_placement_does_not_hinder_disabling(cloud: Deployment) -> None:
    service, node = cloud.add_compute("cell1", "a")
    del cloud.fake_placement.providers[node.uuid]
    assert put(cloud, service.uuid, {"status": "disabled"})["service"]["status"] == "disabled"


def test_trait_follows_the_operator_who_came_last(cloud: Deployment) -> None:
    service, node = cloud.add_compute("cell1", "a")
    quicker = iter([{"status": "enabled"}])

    def interfere(method: str, path: str) -> None:
        # While the first operator's trait is on its way, a second one enables the service again.
        if method == "PUT" and path.endswith("/traits"):
            body = next(quicker, None)
            if body is not None:
                put(cloud, service.uuid, body)

    cloud.fake_placement.interfere = interfere
    put(cloud, service.uuid, {"status": "disabled"})
    assert listed(cloud)[0]["status"] == "enabled"
    assert cloud.fake_placement.providers[node.uuid].traits == set()


def test_silent_placement_is_told_and_repeating_cures_it(cloud: Deployment) -> None:
    service, node = cloud.add_compute("cell1", "a")

    def refuse(method: str, path: str) -> None:
        raise requests.ConnectionError("refused")

    cloud.fake_placement.interfere = refuse
    answer = put(cloud, service.uuid, {"status": "disabled"}, status=503)
    assert "Repeat" in answer["serviceUnavailable"]["message"]
    cloud.fake_placement.interfere = lambda method, path: None
    put(cloud, service.uuid, {"status": "disabled"})
    assert cloud.fake_placement.providers[node.uuid].traits == {TRAIT}


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({}, "No updates were requested"),
        ({"status": "enabled", "disabled_reason": "x"}, "disabled_reason"),
        ({"disabled_reason": "x", "forced_down": True}, "disabled_reason"),
        ({"status": "broken"}, "status"),
        ({"status": "disabled", "host": "a"}, "host"),
        ({"status": "disabled", "disabled_reason": "x" * 256}, "disabled_reason"),
    ],
)
def test_senseless_change_is_refused(cloud: Deployment, body: Any, text: str) -> None:
    service, _ = cloud.add_compute("cell1", "a")
    assert text in put(cloud, service.uuid, body, status=400)["badRequest"]["message"]


@pytest.mark.parametrize(
    ("version", "target", "body", "status"),
    [
        ("2.1", "disable-log-reason", {"host": "a", "binary": "nova-compute"}, 400),
        ("2.11", "force-down", {"host": "a", "binary": "nova-compute"}, 400),
        ("2.10", "force-down", {"host": "a", "binary": "nova-compute"}, 404),
        (
            "2.10",
            "force-down",
            {"host": "a", "binary": "nova-compute", "forced_down": True},
            400,
        ),
        ("2.1", "explode", {"host": "a", "binary": "nova-compute"}, 404),
        ("2.1", "enable", {"host": "nowhere", "binary": "nova-compute"}, 404),
        ("2.1", "enable", {"host": "ctl", "binary": "nova-scheduler"}, 400),
        ("2.1", "enable", {"host": "a"}, 400),
        ("2.53", "enable", {"status": "enabled"}, 400),
        ("2.53", MISSING, {"status": "enabled"}, 404),
    ],
)
def test_bad_update_is_refused(
    cloud: Deployment, version: str, target: str, body: Any, status: int
) -> None:
    cloud.add_compute("cell1", "a")
    cloud.add_service("cell0", "ctl", "nova-scheduler")
    put(cloud, target, body, version, status=status)


def test_only_compute_services_can_be_updated(cloud: Deployment) -> None:
    scheduler = cloud.add_service("cell0", "ctl", "nova-scheduler")
    answer = put(cloud, scheduler.uuid, {"status": "disabled"}, status=400)
    assert "nova-scheduler" in answer["badRequest"]["message"]


def test_delete_removes_everything_known_of_the_host(cloud: Deployment) -> None:
    service, node = cloud.add_compute("cell2", "a")
    cloud.add_compute("cell2", "b")
    child = cloud.placement.create_provider(str(uuid.uuid4()), "a_NUMA0", parent=node.uuid)
    cloud.add_zone("east", "a", "b")
    answer = cloud.request(f"/os-services/{service.uuid}", version="2.53", method="DELETE")
    assert (answer.status_int, answer.body) == (204, b"")
    assert [row.host for row in cloud.rows(services, cell="cell2")] == ["b"]
    assert [row.host for row in cloud.rows(compute_nodes, cell="cell2")] == ["b"]
    assert [row.host for row in cloud.rows(host_mappings)] == ["b"]
    assert [row.host for row in cloud.rows(aggregate_hosts)] == ["b"]
    assert not {node.uuid, child.uuid} & set(cloud.fake_placement.providers)
    again = cloud.request(f"/os-services/{service.uuid}", version="2.53", method="DELETE")
    assert again.status_int == 404


def test_delete_is_refused_while_servers_remain(cloud: Deployment) -> None:
    service, node = cloud.add_compute("cell1", "a")
    cloud.add_server("cell1", host="a", node="a")
    answer = cloud.request(f"/os-services/{service.uuid}", version="2.53", method="DELETE")
    assert answer.status_int == 409
    assert node.uuid in cloud.fake_placement.providers
    assert len(cloud.rows(services, cell="cell1")) == 1


@pytest.mark.parametrize("end", ["source_compute", "dest_compute"])
def test_delete_is_refused_while_servers_move(cloud: Deployment, end: str) -> None:
    service, node = cloud.add_compute("cell2", "a")
    moving = add_migration(cloud, "cell2", status=MigrationStatus.FINISHED, **{end: "a"})
    target = f"/os-services/{service.uuid}"
    answer = cloud.request(target, version="2.53", method="DELETE")
    assert answer.status_int == 409
    assert "migrations" in answer.json["conflictingRequest"]["message"]
    assert node.uuid in cloud.fake_placement.providers
    cloud.databases["cell2"].run(
        lambda tx: server_migrations.swap_status(
            tx, moving.uuid, MigrationStatus.CONFIRMED, expect=[MigrationStatus.FINISHED]
        )
    )
    assert cloud.request(target, version="2.53", method="DELETE").status_int == 204


def test_delete_is_refused_while_something_is_claimed(cloud: Deployment) -> None:
    service, node = cloud.add_compute("cell1", "a")
    cloud.fake_placement.providers[node.uuid].inventories["VCPU"] = {
        "total": 4,
        "reserved": 0,
        "min_unit": 1,
        "max_unit": 4,
        "step_size": 1,
        "allocation_ratio": 1.0,
    }
    cloud.placement.claim(str(uuid.uuid4()), {node.uuid: {"VCPU": 1}}, project_id="p", user_id="u")
    answer = cloud.request(f"/os-services/{service.uuid}", version="2.53", method="DELETE")
    assert answer.status_int == 409
    assert len(cloud.rows(host_mappings)) == 1


def test_delete_leaves_the_namesake_in_another_cell_mapped(cloud: Deployment) -> None:
    cloud.add_compute("cell1", "a")
    stray = cloud.add_service("cell2", "a")
    cloud.request(f"/os-services/{stray.uuid}", version="2.53", method="DELETE")
    assert [row.host for row in cloud.rows(host_mappings)] == ["a"]


def test_number_that_two_cells_know_is_refused(cloud: Deployment) -> None:
    first = cloud.add_service("cell1", "a")
    second = cloud.add_service("cell2", "b")
    assert first.id == second.id
    answer = cloud.request(f"/os-services/{first.id}", version="2.52", method="DELETE")
    assert answer.status_int == 400
    assert "2.53" in answer.json["badRequest"]["message"]
    third = cloud.add_service("cell2", "c")
    answer = cloud.request(f"/os-services/{third.id}", version="2.52", method="DELETE")
    assert answer.status_int == 204


@pytest.mark.parametrize(
    ("version", "target", "status"),
    [("2.52", "x", 400), ("2.52", "77", 404), ("2.53", "7", 400)],
)
def test_bad_id_is_refused(cloud: Deployment, version: str, target: str, status: int) -> None:
    answer = cloud.request(f"/os-services/{target}", version=version, method="DELETE")
    assert answer.status_int == status


def test_service_of_a_silent_cell_is_not_told_as_missing(cloud: Deployment) -> None:
    service, _ = cloud.add_compute("cell1", "a")
    other, _ = cloud.add_compute("cell2", "b")
    cloud.silence("cell1")
    put(cloud, service.uuid, {"status": "disabled"}, status=503)
    put(cloud, other.uuid, {"status": "disabled"})
    answer = cloud.request(f"/os-services/{other.id}", version="2.52", method="DELETE")
    assert answer.status_int == 503, "the silent cell may know that number as well"


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_services_are_for_admins(cloud: Deployment, method: str) -> None:
    path = "/os-services" if method == "GET" else f"/os-services/{MISSING}"
    body = {"status": "enabled"} if method == "PUT" else None
    answer = cloud.request(path, version="2.53", method=method, body=body, roles="member,reader")
    assert answer.status_int == 403
