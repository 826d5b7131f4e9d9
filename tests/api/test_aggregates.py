"""``/os-aggregates`` over two cells and cell0."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from groundwork.context import RequestContext
from nova.api.compute.aggregates.operations import Aggregates
from nova.db.api import aggregates as queries
from nova.db.api.models import aggregate_hosts, aggregate_metadata, host_mappings
from nova.lifecycle.aggregate_changes import AggregateChanges
from nova.lifecycle.aggregate_mirror import (
    AggregateMirror,
    Result,
    mirror_host,
    nodes_by_host,
)
from nova.lifecycle.host_messages import CacheImages
from nova.lifecycle.image_cache import ImageCaching
from nova.rpc.bus import Address
from tests.api.deployment import Deployment, keys_of, sample

IMAGE = "70a599e0-31e7-49b7-b260-868f441e862b"


class Buses:
    """The buses of all cells: what was cast where."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, Address, Any]] = []

    def bus(self, cell: Any) -> Any:
        return _Bus(self, cell.name)


class _Bus:
    def __init__(self, buses: Buses, cell: str) -> None:
        self._buses, self._cell = buses, cell

    def cast(self, _context: RequestContext, address: Address, message: Any) -> None:
        self._buses.sent.append((self._cell, address, message))


class AggregateCloud(Deployment):
    """A deployment that serves aggregates."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.buses = Buses()
        self.serve(
            Aggregates(
                database=self.api_database,
                changes=AggregateChanges(
                    api_database=self.api_database,
                    registry=self.registry,
                    scatter=self.scatter,
                    mirror=AggregateMirror(
                        api_database=self.api_database,
                        registry=self.registry,
                        targets=self.targets,
                        placement=self.placement,
                    ),
                    zone_names=self.zone_names,
                ),
                image_caching=ImageCaching(
                    api_database=self.api_database,
                    registry=self.registry,
                    targets=self.buses,  # type: ignore[arg-type]
                ),
            )
        )

    def ask(
        self, method: str, path: str = "", body: Any = None, *, status: int = 200, **how: Any
    ) -> Any:
        answer = self.request(f"/os-aggregates{path}", method=method, body=body, **how)
        assert answer.status_int == status, answer.text
        if status >= 400:
            [told] = answer.json.values()
            return told["message"]
        return answer.json if answer.body else None

    def create(self, name: str = "a", zone: str | None = None, **how: Any) -> Any:
        body = {"aggregate": {"name": name, "availability_zone": zone}}
        return self.ask("POST", body=body, **how)

    def new(self, name: str = "a", zone: str | None = None) -> int:
        return int(self.create(name, zone)["aggregate"]["id"])

    def act(self, aggregate: int | str, action: str, status: int = 200, **values: Any) -> Any:
        path = f"/{aggregate}/action"
        return self.ask("POST", path, {action: values}, status=status, version="2.41")

    def memberships(self, node: str) -> set[str]:
        return set(self.placement.aggregates(node).value)


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[AggregateCloud]:
    found = AggregateCloud(tmp_path)
    yield found
    found.close()


@pytest.mark.parametrize(
    ("version", "folder"), [("2.1", ""), ("2.40", ""), ("2.41", "v2.41/"), ("2.81", "v2.81/")]
)
def test_life_of_an_aggregate_looks_as_documented(
    cloud: AggregateCloud, version: str, folder: str
) -> None:
    def documented(name: str) -> Any:
        return sample(f"os-aggregates/{folder}{name}.json")

    def check(answer: Any, name: str) -> None:
        assert keys_of(answer) == keys_of(documented(name))

    asked = documented("aggregate-post-req")
    made = cloud.ask("POST", body=asked, version=version)
    check(made, "aggregate-post-resp")
    path = f"/{made['aggregate']['id']}"
    updated = cloud.ask("PUT", path, documented("aggregate-update-post-req"), version=version)
    check(updated, "aggregate-update-post-resp")
    assert updated["aggregate"]["updated_at"]
    assert updated["aggregate"]["name"] == "newname"
    add = documented("aggregate-add-host-post-req")
    host = add["add_host"]["host"]
    cloud.add_compute("cell2", host)
    added = cloud.ask("POST", f"{path}/action", add, version=version)
    check(added, "aggregates-add-host-post-resp")
    assert added["aggregate"]["hosts"] == [host]
    check(cloud.ask("GET", version=version), "aggregates-list-get-resp")
    remove = {"remove_host": {"host": host}}
    check(
        cloud.ask("POST", f"{path}/action", remove, version=version),
        "aggregates-remove-host-post-resp",
    )
    changes = documented("aggregate-metadata-post-req")
    check(
        cloud.ask("POST", f"{path}/action", changes, version=version),
        "aggregates-metadata-post-resp",
    )
    cloud.ask("POST", f"{path}/action", {"set_metadata": {"metadata": {"key": None}}})
    check(cloud.ask("GET", path, version=version), "aggregates-get-resp")
    assert cloud.ask("DELETE", path, version=version) is None
    cloud.ask("GET", path, status=404)
    assert cloud.rows(aggregate_metadata) == []


def test_hosts_of_both_cells_are_mirrored_into_placement(cloud: AggregateCloud) -> None:
    """Aggregates may hold hosts of any cell; availability zones and server group members are resolved over all cells"""
    (_, one), (_, two) = cloud.add_compute("cell1", "a"), cloud.add_compute("cell2", "b")
    twin = cloud.add_node("cell2", "b", "b2")
    aggregate = cloud.new("both")
    cloud.placement.change_aggregates(one.uuid, lambda _: frozenset({IMAGE}))
    cloud.act(aggregate, "add_host", host="a")
    shown = cloud.act(aggregate, "add_host", host="b")["aggregate"]
    assert shown["hosts"] == ["a", "b"]
    assert cloud.memberships(one.uuid) == {IMAGE, shown["uuid"]}
    assert cloud.memberships(two.uuid) == cloud.memberships(twin.uuid) == {shown["uuid"]}
    cloud.act(aggregate, "remove_host", host="a")
    assert cloud.memberships(one.uuid) == {IMAGE}
    assert cloud.memberships(two.uuid) == {shown["uuid"]}


def test_failing_placement_fails_nobody_and_is_made_up_for(cloud: AggregateCloud) -> None:
    (_, one), (_, two) = cloud.add_compute("cell1", "a"), cloud.add_compute("cell2", "b")
    aggregate = cloud.new()

    def refuse(method: str, path: str) -> None:
        raise requests.ConnectionError("refused")

    cloud.fake_placement.interfere = refuse
    cloud.act(aggregate, "add_host", host="a")
    shown = cloud.act(aggregate, "add_host", host="b")["aggregate"]
    cloud.fake_placement.interfere = lambda method, path: None
    assert cloud.memberships(one.uuid) == set()
    del cloud.fake_placement.providers[two.uuid]

    def sync() -> list[tuple[str, Result]]:
        with cloud.api_database.read() as tx:
            found = queries.find_aggregate(tx, aggregate)
        nodes_of = nodes_by_host(cloud.api_database, cloud.registry, cloud.targets)
        placement = cloud.placement
        return [
            (done.host, done.result)
            for host in found.hosts
            for done in mirror_host(
                host, found.uuid, is_member=True, nodes_of=nodes_of, placement=placement
            )
        ]

    assert sync() == [("a", Result.CHANGED), ("b", Result.NO_PROVIDER)]
    assert cloud.memberships(one.uuid) == {shown["uuid"]}
    assert sync()[0] == ("a", Result.SAME)
    cloud.add_service("cell1", "c")
    cloud.act(aggregate, "add_host", host="c")
    assert sync()[2] == ("c", Result.NO_NODE)
    with cloud.api_database.write() as tx:
        tx.execute(host_mappings.delete().where(host_mappings.c.host == "c"))
    assert sync()[2] == ("c", Result.NO_MAPPING)
    cloud.silence("cell1")
    assert sync()[0] == ("a", Result.FAILED)
    assert cloud.act(aggregate, "remove_host", host="c")["aggregate"]["hosts"] == ["a", "b"]


def test_hosts_are_known_and_in_once(cloud: AggregateCloud) -> None:
    cloud.add_compute("cell1", "a")
    aggregate = cloud.new()
    assert "nowhere" in cloud.act(aggregate, "add_host", 404, host="nowhere")
    cloud.act(aggregate, "remove_host", 404, host="a")
    cloud.act(aggregate, "add_host", host="a")
    assert "already" in cloud.act(aggregate, "add_host", 409, host="a")
    assert "not empty" in cloud.ask("DELETE", f"/{aggregate}", status=400)
    assert len(cloud.rows(aggregate_hosts)) == 1


def test_host_is_in_one_zone(cloud: AggregateCloud) -> None:
    cloud.add_compute("cell1", "a")
    east, west, plain = cloud.new("e", "east"), cloud.new("w", "west"), cloud.new("p")
    same = cloud.new("e2", "east")
    for aggregate in (east, plain, same):
        cloud.act(aggregate, "add_host", host="a")
    assert "zone" in cloud.act(west, "add_host", 409, host="a")
    for zone in ("west", "x"):
        body = {"aggregate": {"availability_zone": zone}}
        assert "zone" in cloud.ask("PUT", f"/{same}", body, status=400)
        metadata = {"availability_zone": zone}
        assert "zone" in cloud.act(plain, "set_metadata", 400, metadata=metadata)
    cloud.act(plain, "set_metadata", metadata={"availability_zone": "east"})
    assert cloud.ask("GET", f"/{plain}")["aggregate"]["availability_zone"] == "east"


def test_servers_do_not_change_their_zone(cloud: AggregateCloud) -> None:
    cloud.add_compute("cell1", "a")
    cloud.add_compute("cell2", "b")
    server = cloud.add_server("cell1", host="a", node="a")
    east, nova, plain = cloud.new("e", "east"), cloud.new("n", "nova"), cloud.new("p")
    assert "servers" in cloud.act(east, "add_host", 409, host="a")
    cloud.act(east, "add_host", host="b")
    cloud.act(plain, "add_host", host="a")
    body = {"aggregate": {"availability_zone": "west"}}
    assert "servers" in cloud.act(
        plain, "set_metadata", 400, metadata={"availability_zone": "west"}
    )
    cloud.act(nova, "add_host", host="a")
    assert "servers" in cloud.ask("PUT", f"/{nova}", body, status=400)
    assert cloud.ask("PUT", f"/{east}", body)["aggregate"]["availability_zone"] == "west"
    cloud.act(nova, "remove_host", host="a")
    cloud.add_server("cell2", host="b", node="b")
    assert "servers" in cloud.act(east, "remove_host", 409, host="b")
    cloud.silence("cell1")
    other = cloud.new("o", "other")
    assert "cell1" in cloud.act(other, "add_host", 503, host="a")
    assert server.host == "a"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"name": "a"}, 409),
        ({"name": " b"}, 400),
        ({"name": ""}, 400),
        ({"name": "b" * 256}, 400),
        ({"name": "b", "availability_zone": "a:b"}, 400),
        ({"name": "b", "availability_zone": ""}, 400),
        ({"name": "b", "odd": 1}, 400),
        ({"availability_zone": "x"}, 400),
    ],
)
def test_bad_create_is_refused(cloud: AggregateCloud, body: Any, status: int) -> None:
    cloud.new("a")
    cloud.ask("POST", body={"aggregate": body}, status=status)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"availability_zone": None}, 400),
        ({"name": "   "}, 400),
        ({"name": "other"}, 409),
        ({"odd": 1}, 400),
        ({"name": " spaced "}, 200),
    ],
)
def test_update_takes_what_it_should(cloud: AggregateCloud, body: Any, status: int) -> None:
    aggregate = cloud.new("a")
    cloud.new("other")
    answer = cloud.ask("PUT", f"/{aggregate}", {"aggregate": body}, status=status)
    if status == 200:
        assert answer["aggregate"]["name"] == "spaced"


@pytest.mark.parametrize(
    "metadata",
    [
        {"availability_zone": None},
        {"availability_zone": ""},
        {"availability_zone": "a:b"},
        {"ключ": "x"},
        {"": "x"},
        {"k" * 256: "x"},
        {"k": "v" * 256},
        {"k": 1},
        [],
    ],
)
def test_bad_metadata_is_refused(cloud: AggregateCloud, metadata: Any) -> None:
    cloud.act(cloud.new(zone="east"), "set_metadata", 400, metadata=metadata)


def test_metadata_is_merged(cloud: AggregateCloud) -> None:
    aggregate = cloud.new(zone="east")
    cloud.act(aggregate, "set_metadata", metadata={"a": "1", "b": "2"})
    shown = cloud.act(aggregate, "set_metadata", metadata={"a": None, "b": "3", "none": None})
    assert shown["aggregate"]["metadata"] == {"availability_zone": "east", "b": "3"}
    assert cloud.act(aggregate, "set_metadata", metadata={})["aggregate"]["updated_at"]


def test_bad_ids_and_strangers(cloud: AggregateCloud) -> None:
    for path, status in (("/x", 400), ("/77", 404), ("/1.5", 400), ("/-1", 400)):
        cloud.ask("GET", path, status=status)
        cloud.ask("DELETE", path, status=status)
        cloud.ask("PUT", path, {"aggregate": {"name": "n"}}, status=status)
        for action, values in (
            ("add_host", {"host": "a"}),
            ("remove_host", {"host": "a"}),
            ("set_metadata", {"metadata": {"k": "v"}}),
        ):
            cloud.ask("POST", f"{path}/action", {action: values}, status=status)
    aggregate = cloud.new()
    cloud.ask("POST", f"/{aggregate}/action", {"add_host": {"host": "no spaces"}}, status=400)
    cloud.ask("POST", f"/{aggregate}/action", {"explode": {}}, status=400)
    for method, path, body in (
        ("GET", "", None),
        ("POST", "", {"aggregate": {"name": "n"}}),
        ("DELETE", f"/{aggregate}", None),
        ("POST", f"/{aggregate}/action", {"add_host": {"host": "a"}}),
    ):
        cloud.ask(method, path, body, status=403, roles="member,reader")


def test_images_are_asked_of_each_host_in_its_cell(cloud: AggregateCloud) -> None:
    cloud.add_compute("cell1", "a")
    cloud.add_compute("cell2", "b")
    cloud.add_compute("cell2", "c")
    aggregate = cloud.new()
    for host in "ab":
        cloud.act(aggregate, "add_host", host=host)
    body = sample("os-aggregates/v2.81/aggregate-images-post-req.json")
    path = f"/{aggregate}/images"
    assert cloud.ask("POST", path, body, status=202, version="2.81") is None
    message = CacheImages(image_ids=(IMAGE,))
    assert cloud.buses.sent == [
        ("cell1", Address("compute", server="a"), message),
        ("cell2", Address("compute", server="b"), message),
    ]
    cloud.ask("POST", path, body, status=404, version="2.80")
    cloud.ask("POST", "/77/images", body, status=404, version="2.81")
    for bad in ([], [{"id": "x"}], [{"id": IMAGE}] * 2, [{}], [{"id": IMAGE, "odd": 1}]):
        cloud.ask("POST", path, {"cache": bad}, status=400, version="2.81")
    cloud.ask("POST", path, body, status=403, version="2.81", roles="member")
    assert uuid.UUID(IMAGE)
