"""``/resource_providers``."""

from __future__ import annotations

from uuid import uuid4

import pytest

from tests.api.placement.conftest import Client, claim_body, error_of

U = "11111111-1111-1111-1111-111111111111"
V = "22222222-2222-2222-2222-222222222222"
PATH = "/resource_providers"


def test_create_shows_the_provider_since_1_20(client: Client) -> None:
    old = client("POST", PATH, {"name": "a", "uuid": U}, version="1.19")
    assert (old.status_int, old.body) == (201, b"")
    assert old.headers["Location"] == f"http://localhost{PATH}/{U}"
    assert "Last-Modified" not in old.headers
    new = client("POST", PATH, {"name": "b", "uuid": V.replace("-", "").upper()}, version="1.20")
    assert new.status_int == 200
    assert new.headers["Location"] == f"http://localhost{PATH}/{V}"
    assert "Last-Modified" in new.headers
    assert (new.json["uuid"], new.json["generation"]) == (V, 0)
    assert (new.json["parent_provider_uuid"], new.json["root_provider_uuid"]) == (None, V)
    assert client("POST", PATH, {"name": "c"}).json["uuid"]


def test_name_and_uuid_are_unique(client: Client) -> None:
    client.provider(U)
    for body in ({"name": f"name-{U}"}, {"name": "b", "uuid": U}):
        error = error_of(client("POST", PATH, body))
        assert (error["status"], error["code"]) == (409, "placement.duplicate_name")
    client.provider(V)
    error = error_of(client("PUT", f"{PATH}/{V}", {"name": f"name-{U}"}))
    assert (error["status"], error["code"]) == (409, "placement.duplicate_name")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": ""},
        {"name": "x" * 201},
        {"name": 1},
        {"name": "a", "uuid": "nope"},
        {"name": "a", "color": "red"},
        {"name": "a", "parent_provider_uuid": V},
        {"name": "a", "uuid": U, "parent_provider_uuid": U},
        [],
        None,
    ],
)
def test_bad_bodies(client: Client, body: object) -> None:
    answer = client("POST", PATH, b"null" if body is None else body)
    assert answer.status_int == 400


def test_parent_is_known_since_1_14(client: Client) -> None:
    body = {"name": "a", "parent_provider_uuid": None}
    assert client("POST", PATH, body, version="1.13").status_int == 400
    assert client("POST", PATH, body, version="1.14").status_int == 201


@pytest.mark.parametrize(
    ("version", "names"),
    [
        ("1.0", "self inventories usages"),
        ("1.1", "self inventories usages aggregates"),
        ("1.6", "self inventories usages aggregates traits"),
        ("1.11", "self inventories usages aggregates traits allocations"),
    ],
)
def test_links_grow_with_versions(client: Client, version: str, names: str) -> None:
    client.provider(U)
    body = client.get(f"{PATH}/{U}", version=version)
    assert [link["rel"] for link in body["links"]] == names.split()
    assert [link["href"] for link in body["links"]][:2] == [
        f"{PATH}/{U}",
        f"{PATH}/{U}/inventories",
    ]
    assert set(body) == {"uuid", "name", "generation", "links"}


def test_rename_and_move(client: Client) -> None:
    client.provider(U)
    client.provider(V)
    child = client.provider(str(uuid4()))
    path = f"{PATH}/{child}"
    assert client("PUT", path, {"name": "new"}, version="1.0").json["name"] == "new"
    moved = client("PUT", path, {"name": "new", "parent_provider_uuid": U}, version="1.14")
    assert (moved.json["parent_provider_uuid"], moved.json["root_provider_uuid"]) == (U, U)
    # Left out, the parent stays.
    assert client("PUT", path, {"name": "newer"}).json["parent_provider_uuid"] == U
    for parent in (V, None):
        body = {"name": "newer", "parent_provider_uuid": parent}
        assert client("PUT", path, body, version="1.36").status_int == 400
    assert client("PUT", path, {"name": "newer", "parent_provider_uuid": V}).status_int == 200
    gone = client("PUT", path, {"name": "newer", "parent_provider_uuid": None})
    assert (gone.json["parent_provider_uuid"], gone.json["root_provider_uuid"]) == (None, child)
    assert gone.json["generation"] == 0
    loop = client("PUT", path, {"name": "newer", "parent_provider_uuid": child})
    assert loop.status_int == 400


def test_delete_needs_an_unused_leaf(client: Client) -> None:
    client.provider(U, VCPU=4)
    client.provider(V, parent=U)
    consumer = str(uuid4())
    client("PUT", f"/allocations/{consumer}", claim_body({U: {"VCPU": 1}}))
    error = error_of(client("DELETE", f"{PATH}/{U}"))
    assert error["code"] == "placement.resource_provider.cannot_delete_parent"
    assert client("DELETE", f"{PATH}/{V}").status_int == 204
    error = error_of(client("DELETE", f"{PATH}/{U}"))
    assert (error["status"], error["code"]) == (409, "placement.resource_provider.inuse")
    client("DELETE", f"/allocations/{consumer}")
    assert client("DELETE", f"{PATH}/{U}").status_int == 204
    for method in ("GET", "DELETE"):
        assert client(method, f"{PATH}/{U}").status_int == 404
    assert client("PUT", f"{PATH}/{U}", {"name": "a"}).status_int == 404


def found(client: Client, query: str, version: str = "1.39") -> list[str]:
    body = client.get(f"{PATH}?{query}", version=version)
    return [one["uuid"] for one in body["resource_providers"]]


def test_search_conditions_by_version(client: Client) -> None:
    client.provider(U, VCPU=8)
    client.provider(V, parent=U, VCPU=2)
    agg1, agg2 = str(uuid4()), str(uuid4())
    client.set_aggregates(U, agg1, agg2)
    client.set_aggregates(V, agg1)
    client.set_traits(U, "HW_CPU_X86_VMX", "HW_CPU_X86_SVM")
    client.set_traits(V, "HW_CPU_X86_VMX")
    assert found(client, f"name=name-{U}", "1.0") == [U]
    assert found(client, f"uuid={V}", "1.0") == [V]
    assert found(client, "name=a&name=name-" + U, "1.0") == [U]
    for key, value, since, uuids in (
        ("member_of", agg2, 3, [U]),
        ("member_of", f"in:{agg1},{agg2}", 3, [U, V]),
        ("resources", "VCPU:3", 4, [U]),
        ("in_tree", V, 14, [U, V]),
        ("required", "HW_CPU_X86_SVM", 18, [U]),
        ("required", "HW_CPU_X86_VMX,!HW_CPU_X86_SVM", 22, [V]),
        ("member_of", f"{agg1}&member_of={agg2}", 24, [U]),
        ("member_of", f"!{agg2}", 32, [V]),
        ("member_of", f"!in:{agg1},{agg2}", 32, []),
        ("required", "in:HW_CPU_X86_SVM,COMPUTE_NODE", 39, [U]),
        ("in_tree", str(uuid4()), 14, []),
    ):
        assert found(client, f"{key}={value}", f"1.{since}") == uuids, (key, value)
        answer = client("GET", f"{PATH}?{key}={value}", version=f"1.{since - 1}")
        assert answer.status_int == 400, (key, value, since - 1)
    repeated = "required=HW_CPU_X86_SVM&required=HW_CPU_X86_VMX"
    assert found(client, repeated, "1.38") == [U, V]
    assert found(client, repeated, "1.39") == [U]


@pytest.mark.parametrize(
    "query",
    [
        "uuid=nope",
        "in_tree=nope",
        "member_of=nope",
        "resources=VCPU",
        "resources=VCPU:0",
        "resources=CUSTOM_NONE:1",
        "required=CUSTOM_NONE",
        "required=",
        "member_of=",
    ],
)
def test_bad_conditions(client: Client, query: str) -> None:
    assert client("GET", f"{PATH}?{query}").status_int == 400


def test_amount_beyond_everything_finds_nothing(client: Client) -> None:
    client.provider(U, VCPU=8)
    assert found(client, "resources=VCPU:99999999999999999999") == []
