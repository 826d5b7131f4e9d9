"""Limits of the identity service over a running plane: strict, also when many ask at once; nothing without Keystone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from groundwork.serving import HttpServer
from tests.fakes import keystone
from tests.fakes.keystone import ENDPOINT, FakeKeystone
from tests.functional.embedded.moving import moved, nowhere
from tests.functional.embedded.plane import (
    ADMIN,
    OTHER_PROJECT,
    PROJECT,
    STRANGER,
    Cloud,
    serve,
    wait_for,
)

SETS = f"/os-quota-sets/{PROJECT}"


class Identity:
    """The fake Keystone at one port, which can be away."""

    def __init__(self) -> None:
        self.fake = FakeKeystone()
        self._server = serve(self.fake)
        self.port = self._server.port

    @contextmanager
    def away(self) -> Iterator[None]:
        """Nobody listens at its port meanwhile."""
        self._server.stop()
        try:
            yield
        finally:
            self._server = HttpServer(
                self.fake, host="127.0.0.1", port=self.port, threads=8, port_option="none"
            )
            self._server.start()

    @contextmanager
    def broken(self) -> Iterator[None]:
        """It answers everything with an error."""
        self.fake.is_broken = True
        yield
        self.fake.is_broken = False

    def stop(self) -> None:
        self._server.stop()


@pytest.fixture(scope="module")
def identity() -> Iterator[Identity]:
    found = Identity()
    yield found
    found.stop()


@pytest.fixture(scope="module")
def _cloud(tmp_path_factory: pytest.TempPathFactory, identity: Identity) -> Iterator[Cloud]:
    options = {**keystone.options(identity.port), "endpoint_id": ENDPOINT, "connect_retries": 0}
    cloud = Cloud(
        tmp_path_factory.mktemp("plane"),
        quota={"driver": "nova.quota.UnifiedLimitsDriver", "instances": 0, "cores": 0},
        oslo_limit=options,
    )
    try:
        cloud.make_flavor("tiny")
        yield cloud
    finally:
        cloud.stop()


@pytest.fixture
def limits(identity: Identity, cloud: Cloud) -> FakeKeystone:
    """Keystone with a limit on servers only, before each test."""
    identity.fake.clear()
    identity.fake.register({"servers": 50})
    return identity.fake


def create_all(cloud: Cloud, count: int) -> list[int]:
    """The statuses of so many creates at once."""
    clients = [cloud.client() for _ in range(count)]
    with ThreadPoolExecutor(max_workers=count) as pool:
        answers = pool.map(lambda client: client("POST", "/servers", cloud.body()), clients)
        return [answer.status_code for answer in answers]


def refusal(cloud: Cloud, **server: Any) -> str:
    return cloud.compute.refused(403, "forbidden", "POST", "/servers", cloud.body(**server))


def test_many_creates_at_once_end_with_exactly_the_limit(
    cloud: Cloud, limits: FakeKeystone
) -> None:
    """Count quota from placement and mappings; unified limits with oslo.limit semantics

    30 creates at once with limit 5: 5 servers, and nothing is left of the others.
    """
    limits.limit(PROJECT, {"servers": 5})
    statuses = create_all(cloud, 30)
    assert (statuses.count(202), statuses.count(403)) == (5, 25)
    assert len(cloud.listed()) == 5
    assert refusal(cloud) == (
        "Quota exceeded for servers: Requested 1, but already used 5 of 5 servers"
    )
    # The other project has the registered limit.
    cloud.wait_until(cloud.create("theirs", token=STRANGER), "ACTIVE")


def test_limit_holds_while_no_cell_can_be_reached(cloud: Cloud, limits: FakeKeystone) -> None:
    """Quota works when a cell cannot be reached: never allows going over, with limits of Keystone too."""
    limits.register({"class:VCPU": 2})
    for number in range(2):
        cloud.build(f"s{number}")
    with moved(cloud, nowhere(cloud, "cell0", "cell1", "cell2")):
        assert refusal(cloud) == (
            "Quota exceeded for class:VCPU: Requested 1, but already used 2 of 2 class:VCPU"
        )


def test_a_change_in_keystone_counts_at_once(cloud: Cloud, limits: FakeKeystone) -> None:
    cloud.build("first")
    limits.register({"servers": 1})
    refusal(cloud)
    limits.limit(PROJECT, {"servers": 2})
    cloud.build("second")
    limits.register({"class:VCPU": 3, "class:MEMORY_MB": 2 * 64})
    limits.limit(PROJECT, {"servers": -1})
    assert refusal(cloud, min_count=2) == (
        "Quota exceeded for class:MEMORY_MB, class:VCPU: Requested 128, 2, but already used 128, 2 "
        "of 128, 3 class:MEMORY_MB, class:VCPU"
    )
    # As many as fit, where the request allows it.
    limits.register({"class:MEMORY_MB": 100 * 64})
    cloud.create("third", min_count=1, max_count=5)
    assert len(cloud.listed()) == 3


@pytest.mark.parametrize("way", [Identity.away, Identity.broken])
def test_nothing_is_created_while_keystone_does_not_answer(
    cloud: Cloud, limits: FakeKeystone, identity: Identity, way: Callable[..., Any]
) -> None:
    built = cloud.build("before")["id"]
    with way(identity):
        for method, path, body in (
            ("POST", "/servers", cloud.body()),
            ("POST", "/os-server-groups", {"server_group": {"name": "g", "policy": "affinity"}}),
            ("GET", "/limits", None),
        ):
            told = cloud.compute.refused(503, "serviceUnavailable", method, path, body)
            assert "Keystone" in told
        # What takes nothing goes on.
        assert cloud.listed() == [built]
        assert cloud.compute.get("/os-server-groups")["server_groups"] == []
        cloud.delete(built)
    wait_for("the end of the server", lambda: not cloud.listed())
    cloud.build("after")


def test_custom_classes_are_counted_by_what_flavors_ask_for(
    cloud: Cloud, limits: FakeKeystone
) -> None:
    limits.register({"class:CUSTOM_GPU": 5, "class:DISK_GB": 1000})
    cloud.make_flavor("gpu", disk=2)
    specs = {"extra_specs": {"resources:CUSTOM_GPU": "2"}}
    cloud.compute("POST", "/flavors/gpu/os-extra_specs", specs, token=ADMIN, status=200)
    try:
        uuids = [cloud.create(f"g{number}", flavorRef="gpu") for number in range(2)]
        assert refusal(cloud, flavorRef="gpu") == (
            "Quota exceeded for class:CUSTOM_GPU: Requested 2, but already used 4 of 5 class:CUSTOM_GPU"
        )
        limits.register({"class:DISK_GB": 5})
        assert "class:DISK_GB" in refusal(cloud, min_count=2)
        cloud.wait_until_error(uuids[0])
        cloud.delete(uuids[0])
        wait_for("the room of the server", lambda: len(cloud.listed()) == 1)
        cloud.create("again", flavorRef="gpu")
    finally:
        cloud.compute("DELETE", "/flavors/gpu", token=ADMIN, status=202)


def test_limits_are_shown_by_the_names_of_the_compute_api(
    cloud: Cloud, limits: FakeKeystone
) -> None:
    limits.register({"class:VCPU": 8, "server_metadata_items": 2, "server_key_pairs": 1})
    limits.limit(PROJECT, {"class:VCPU": 9})
    limits.limit(OTHER_PROJECT, {"class:VCPU": 1})
    cloud.build("one")
    shown = cloud.compute.get(SETS, version="2.1")["quota_set"]
    assert {name: shown[name] for name in ("instances", "cores", "ram", "metadata_items")} == {
        "instances": 50,
        "cores": 9,
        "ram": -1,
        "metadata_items": 2,
    }
    defaults = cloud.compute.get(f"{SETS}/defaults")["quota_set"]
    of_class = cloud.compute.get("/os-quota-class-sets/default", token=ADMIN)["quota_class_set"]
    assert defaults["cores"] == of_class["cores"] == 8
    detail = cloud.compute.get(f"{SETS}/detail")["quota_set"]
    assert detail["cores"] == {"in_use": 1, "limit": 9, "reserved": 0}
    absolute = cloud.compute.get("/limits")["limits"]["absolute"]
    assert (absolute["maxTotalCores"], absolute["totalCoresUsed"]) == (9, 1)
    assert (absolute["maxTotalKeypairs"], absolute["maxServerMeta"]) == (1, 2)


def test_what_quota_sets_set_has_no_effect(cloud: Cloud, limits: FakeKeystone) -> None:
    body = {"quota_set": {"instances": 0}}
    answer = cloud.compute("PUT", SETS, body, token=ADMIN, status=200).json()["quota_set"]
    assert answer["instances"] == 50
    body = {"quota_class_set": {"instances": 0}}
    path = "/os-quota-class-sets/default"
    answer = cloud.compute("PUT", path, body, token=ADMIN, status=200).json()["quota_class_set"]
    assert answer["instances"] == 50
    cloud.build("still")
    cloud.compute("DELETE", SETS, token=ADMIN, status=202)
    assert cloud.compute.get(SETS)["quota_set"]["instances"] == 50


def test_groups_key_pairs_and_metadata_have_limits_too(cloud: Cloud, limits: FakeKeystone) -> None:
    limits.register({"server_groups": 1, "server_key_pairs": 0, "server_metadata_items": 1})
    limits.register({"server_group_members": 1, "server_injected_file_content_bytes": 2})
    group = {"server_group": {"name": "g", "policy": "soft-affinity"}}
    made = cloud.compute("POST", "/os-server-groups", group, status=200).json()["server_group"]
    try:
        cloud.compute.refused(403, "forbidden", "POST", "/os-server-groups", group)
        pair = {"keypair": {"name": "k"}}
        cloud.compute.refused(403, "forbidden", "POST", "/os-keypairs", pair, version="2.1")
        assert "metadata" in refusal(cloud, metadata={"a": "1", "b": "2"})
        files = cloud.body(personality=[{"path": "/etc/motd", "contents": "aGVsbG8="}])
        how = {"version": "2.56"}
        told = cloud.compute.refused(403, "forbidden", "POST", "/servers", files, **how)
        assert "content exceeded: 5, at most 2" in told
        body = {**cloud.body(), "os:scheduler_hints": {"group": made["id"]}}
        cloud.compute("POST", "/servers", body, status=202)
        cloud.compute.refused(403, "forbidden", "POST", "/servers", body)
    finally:
        cloud.compute("DELETE", f"/os-server-groups/{made['id']}", status=204)


def test_servers_without_a_registered_limit_are_refused(cloud: Cloud, limits: FakeKeystone) -> None:
    limits.clear()
    assert refusal(cloud) == (
        "Quota exceeded for servers: Requested 1, but already used 0 of 0 servers"
    )
