"""``/resource_providers/{uuid}/inventories``."""

from __future__ import annotations

from uuid import uuid4

import pytest

from tests.api.placement.conftest import Client, claim_body, error_of

U = "11111111-1111-1111-1111-111111111111"
PATH = f"/resource_providers/{U}/inventories"
DEFAULTS = {
    "reserved": 0,
    "min_unit": 1,
    "max_unit": 2147483647,
    "step_size": 1,
    "allocation_ratio": 1.0,
}


def test_whole_life_of_inventories(client: Client) -> None:
    client.provider(U)
    assert client.get(PATH) == {"resource_provider_generation": 0, "inventories": {}}
    added = client("POST", PATH, {"resource_class": "VCPU", "total": 8}, version="1.0")
    assert added.status_int == 201
    assert added.headers["Location"] == f"http://localhost{PATH}/VCPU"
    assert added.json == {"resource_provider_generation": 1, "total": 8, **DEFAULTS}
    one = {"total": 16, "reserved": 2, "allocation_ratio": 4.0, "resource_provider_generation": 1}
    changed = client("PUT", f"{PATH}/VCPU", one)
    assert changed.json == {**DEFAULTS, **one, "resource_provider_generation": 2}
    assert client.get(f"{PATH}/VCPU") == changed.json
    body = {"resource_provider_generation": 2, "inventories": {"DISK_GB": {"total": 5}}}
    replaced = client("PUT", PATH, body)
    assert replaced.json == {
        "resource_provider_generation": 3,
        "inventories": {"DISK_GB": {"total": 5, **DEFAULTS}},
    }
    assert client.get(PATH) == replaced.json
    assert client("DELETE", f"{PATH}/DISK_GB").status_int == 204
    assert client("DELETE", f"{PATH}/DISK_GB").status_int == 404
    assert client("GET", f"{PATH}/DISK_GB").status_int == 404
    assert client("DELETE", PATH, version="1.5").status_int == 204
    assert client.generation(U) == 5


def test_stale_generation_is_409(client: Client) -> None:
    client.provider(U, VCPU=8)
    for path, body in (
        (PATH, {"inventories": {}}),
        (f"{PATH}/VCPU", {"total": 1}),
    ):
        error = error_of(client("PUT", path, {**body, "resource_provider_generation": 7}))
        assert (error["status"], error["code"]) == (409, "placement.concurrent_update")
    # POST takes a generation and does not look at it.
    body = {"resource_class": "DISK_GB", "total": 1, "resource_provider_generation": 99}
    assert client("POST", PATH, body).status_int == 201


def test_class_that_is_there_already_is_a_concurrent_update(client: Client) -> None:
    client.provider(U, VCPU=8)
    error = error_of(client("POST", PATH, {"resource_class": "VCPU", "total": 8}))
    assert (error["status"], error["code"]) == (409, "placement.concurrent_update")


def test_class_in_use_stays(client: Client) -> None:
    client.provider(U, VCPU=8, DISK_GB=5)
    client("PUT", f"/allocations/{uuid4()}", claim_body({U: {"VCPU": 1}}))
    generation = client.generation(U)
    error = error_of(client("DELETE", f"{PATH}/VCPU"))
    assert (error["status"], error["code"]) == (409, "placement.concurrent_update")
    error = error_of(client("DELETE", PATH))
    assert (error["status"], error["code"]) == (409, "placement.inventory.inuse")
    body = {"resource_provider_generation": generation, "inventories": {"DISK_GB": {"total": 5}}}
    error = error_of(client("PUT", PATH, body))
    assert (error["status"], error["code"]) == (409, "placement.inventory.inuse")
    # Less than what is used is allowed.
    body["inventories"] = {"VCPU": {"total": 1, "max_unit": 1}}
    assert client("PUT", PATH, body).status_int == 200


def test_all_may_be_reserved_since_1_26(client: Client) -> None:
    client.provider(U)
    body = {"resource_class": "VCPU", "total": 8, "reserved": 8}
    assert client("POST", PATH, body, version="1.25").status_int == 400
    assert client("POST", PATH, body, version="1.26").status_int == 201
    body = {"resource_class": "DISK_GB", "total": 8, "reserved": 9}
    assert client("POST", PATH, body).status_int == 400


@pytest.mark.parametrize(
    "one",
    [
        {},
        {"total": 0},
        {"total": "4"},
        {"total": 2147483648},
        {"total": 10**30},
        {"total": 4, "reserved": -1},
        {"total": 4, "min_unit": 0},
        {"total": 4, "max_unit": 2147483648},
        {"total": 4, "step_size": 0},
        {"total": 4, "allocation_ratio": 3.5e38},
        {"total": 4, "color": "red"},
        None,
        [],
        "VCPU",
    ],
)
def test_bad_inventories(client: Client, one: object) -> None:
    client.provider(U)
    body = {"resource_provider_generation": 0, "inventories": {"VCPU": one}}
    assert client("PUT", PATH, body).status_int == 400


@pytest.mark.parametrize("body", [[], "text", 1, {"inventories": []}, {"inventories": {}}])
def test_body_that_is_no_object_is_400(client: Client, body: object) -> None:
    """The reference was seen to answer 500."""
    client.provider(U)
    assert client("PUT", PATH, body).status_int == 400


def test_unknown_things(client: Client) -> None:
    client.provider(U)
    unknown = {"resource_provider_generation": 0, "inventories": {"CUSTOM_NONE": {"total": 1}}}
    assert client("PUT", PATH, unknown).status_int == 400
    assert client("POST", PATH, {"resource_class": "CUSTOM_NONE", "total": 1}).status_int == 400
    one = {"resource_provider_generation": 0, "total": 1}
    for name in ("VCPU", "CUSTOM_NONE"):
        assert client("PUT", f"{PATH}/{name}", one).status_int == 400
        assert client("DELETE", f"{PATH}/{name}").status_int == 404
    other = f"/resource_providers/{uuid4()}/inventories"
    for method, path, body in (
        ("GET", other, None),
        ("POST", other, {"resource_class": "VCPU", "total": 1}),
        ("PUT", other, {"resource_provider_generation": 0, "inventories": {}}),
        ("DELETE", other, None),
        ("GET", f"{other}/VCPU", None),
        ("PUT", f"{other}/VCPU", one),
        ("DELETE", f"{other}/VCPU", None),
    ):
        assert client(method, path, body).status_int == 404, (method, path)
