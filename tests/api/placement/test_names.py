"""``/resource_classes``, ``/traits``, and the traits and aggregates of providers."""

from __future__ import annotations

from uuid import uuid4

import os_resource_classes
import pytest

from tests.api.placement.conftest import Client, error_of

U = "11111111-1111-1111-1111-111111111111"


def test_standard_classes_come_first_in_their_order(client: Client) -> None:
    client("PUT", "/resource_classes/CUSTOM_GOLD")
    names = [one["name"] for one in client.get("/resource_classes")["resource_classes"]]
    assert names == [*os_resource_classes.STANDARDS, "CUSTOM_GOLD"]


def test_class_life(client: Client) -> None:
    path = "/resource_classes/CUSTOM_GOLD"
    made = client("POST", "/resource_classes", {"name": "CUSTOM_GOLD"}, version="1.2")
    assert (made.status_int, made.body) == (201, b"")
    assert made.headers["Location"] == f"http://localhost{path}"
    assert client("POST", "/resource_classes", {"name": "CUSTOM_GOLD"}).status_int == 409
    shown = client.get(path, version="1.2")
    assert shown == {"name": "CUSTOM_GOLD", "links": [{"rel": "self", "href": path}]}
    again = client("PUT", path, version="1.7")
    assert (again.status_int, again.headers["Location"]) == (204, f"http://localhost{path}")
    assert "Last-Modified" not in client("PUT", path).headers
    assert client("DELETE", path).status_int == 204
    assert client("DELETE", path).status_int == 404
    assert client("GET", path).status_int == 404
    assert client("PUT", path, version="1.7").status_int == 201


def test_class_rename_ends_with_1_6(client: Client) -> None:
    client("POST", "/resource_classes", {"name": "CUSTOM_GOLD"})
    client("POST", "/resource_classes", {"name": "CUSTOM_TIN"})
    put = ("PUT", "/resource_classes/CUSTOM_GOLD")
    renamed = client(*put, {"name": "CUSTOM_SILVER"}, version="1.6")
    assert (renamed.status_int, renamed.json["name"]) == (200, "CUSTOM_SILVER")
    assert client(*put, {"name": "CUSTOM_X"}, version="1.2").status_int == 404
    silver = ("PUT", "/resource_classes/CUSTOM_SILVER")
    assert client(*silver, {"name": "CUSTOM_TIN"}, version="1.2").status_int == 409
    standard = ("PUT", "/resource_classes/VCPU")
    assert client(*standard, {"name": "CUSTOM_X"}, version="1.2").status_int == 400


@pytest.mark.parametrize("name", ["VCPU", "GOLD", "CUSTOM_", "CUSTOM_gold", "CUSTOM_" + "X" * 249])
def test_bad_class_names(client: Client, name: str) -> None:
    assert client("POST", "/resource_classes", {"name": name}).status_int == 400
    assert client("PUT", f"/resource_classes/{name}").status_int == 400


def test_class_in_use_and_standard_ones_stay(client: Client) -> None:
    client("PUT", "/resource_classes/CUSTOM_GOLD")
    client.provider(U, CUSTOM_GOLD=4)
    assert client("DELETE", "/resource_classes/CUSTOM_GOLD").status_int == 409
    assert client("DELETE", "/resource_classes/VCPU").status_int == 400


def test_trait_life(client: Client) -> None:
    path = "/traits/CUSTOM_T"
    made = client("PUT", path)
    assert (made.status_int, made.headers["Location"]) == (201, f"http://localhost{path}")
    assert made.headers["Cache-Control"] == "no-cache"
    assert "Last-Modified" in made.headers
    assert client("PUT", path, version="1.6").status_int == 204
    shown = client("GET", path)
    assert (shown.status_int, shown.body) == (204, b"")
    assert "Last-Modified" in shown.headers
    client.provider(U)
    client.set_traits(U, "CUSTOM_T")
    assert client("DELETE", path).status_int == 409
    client.set_traits(U)
    assert client("DELETE", path).status_int == 204
    assert client("DELETE", path).status_int == 404
    assert client("GET", path).status_int == 404
    assert client("DELETE", "/traits/COMPUTE_NODE").status_int == 400


@pytest.mark.parametrize(
    "name", ["COMPUTE_NODE", "T", "CUSTOM_", "CUSTOM_t", "CUSTOM_" + "X" * 249]
)
def test_bad_trait_names(client: Client, name: str) -> None:
    assert client("PUT", f"/traits/{name}").status_int == 400


def test_trait_search(client: Client) -> None:
    client("PUT", "/traits/CUSTOM_A")
    client("PUT", "/traits/CUSTOM_B")
    client.provider(U)
    client.set_traits(U, "CUSTOM_A", "COMPUTE_NODE")

    def traits(query: str) -> list[str]:
        return sorted(client.get(f"/traits?{query}", version="1.6")["traits"])

    assert traits("name=in:CUSTOM_A,CUSTOM_B,CUSTOM_NONE") == ["CUSTOM_A", "CUSTOM_B"]
    assert traits("name=startswith:CUSTOM_") == ["CUSTOM_A", "CUSTOM_B"]
    assert traits("associated=true") == ["COMPUTE_NODE", "CUSTOM_A"]
    assert traits("associated=false&name=startswith:CUSTOM") == ["CUSTOM_B"]
    assert len(traits("")) > 370
    for bad in ("name=CUSTOM_A", "name=like:A", "associated=yes", "associated=", "name=", "x=1"):
        assert client("GET", f"/traits?{bad}").status_int == 400, bad


def test_traits_of_a_provider(client: Client) -> None:
    client.provider(U)
    path = f"/resource_providers/{U}/traits"
    body = {"traits": ["COMPUTE_NODE", "HW_CPU_X86_VMX"], "resource_provider_generation": 0}
    set_ = client("PUT", path, body)
    assert set_.json["resource_provider_generation"] == 1
    assert sorted(set_.json["traits"]) == sorted(body["traits"])
    assert client.get(path) == set_.json
    error = error_of(client("PUT", path, body))
    assert (error["status"], error["code"]) == (409, "placement.concurrent_update")
    assert client("PUT", path, {**body, "resource_provider_generation": 1}).json == set_.json
    unknown = {"traits": ["CUSTOM_NONE"], "resource_provider_generation": 1}
    assert client("PUT", path, unknown).status_int == 400
    for bad in ({"traits": []}, {"resource_provider_generation": 1}, {**body, "x": 1}, []):
        assert client("PUT", path, bad).status_int == 400
    assert client("DELETE", path).status_int == 204
    assert client.get(path) == {"traits": [], "resource_provider_generation": 2}
    other = f"/resource_providers/{uuid4()}/traits"
    for method, sent in (("GET", None), ("PUT", body), ("DELETE", None)):
        assert client(method, other, sent).status_int == 404


def test_aggregates_have_a_generation_since_1_19(client: Client) -> None:
    client.provider(U)
    path, one, two = f"/resource_providers/{U}/aggregates", str(uuid4()), str(uuid4())
    old = client("PUT", path, [one, two], version="1.1")
    assert sorted(old.json["aggregates"]) == sorted([one, two])
    assert set(old.json) == {"aggregates"}
    assert client.generation(U) == 0
    body = {"aggregates": [one], "resource_provider_generation": 0}
    new = client("PUT", path, body)
    assert new.json == {"aggregates": [one], "resource_provider_generation": 1}
    error = error_of(client("PUT", path, body))
    assert (error["status"], error["code"]) == (409, "placement.concurrent_update")
    same = client("PUT", path, {**body, "resource_provider_generation": 1})
    assert same.json["resource_provider_generation"] == 2
    assert client.get(path, version="1.18") == {"aggregates": [one]}
    assert client("PUT", path, [one], version="1.19").status_int == 400
    assert client("PUT", path, body, version="1.18").status_int == 400
    for bad in ([one, one], ["nope"], {}):
        assert client("PUT", path, bad, version="1.1").status_int == 400
    assert client("GET", f"/resource_providers/{uuid4()}/aggregates").status_int == 404
