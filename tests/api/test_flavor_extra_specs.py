"""``/flavors/{id}/os-extra_specs``."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.client import READER, USER, Api

PATH = "/flavors/1/os-extra_specs"


@pytest.fixture
def api(api: Api) -> Api:
    flavor = {"id": "1", "name": "m1.tiny", "ram": 512, "vcpus": 1, "disk": 1}
    api("POST", "/flavors", {"flavor": flavor}, status=200)
    return api


def add(api: Api, specs: dict[str, Any], **how: Any) -> Any:
    return api("POST", PATH, {"extra_specs": specs}, status=200, **how).json


def test_specs_are_merged_and_listed(api: Api) -> None:
    assert add(api, {"a": "1", "b": "2"}) == {"extra_specs": {"a": "1", "b": "2"}}
    add(api, {"b": "3", "c": 4, "d": 0.5})

    wanted = {"a": "1", "b": "3", "c": "4", "d": "0.5"}
    assert api.get(PATH, token=READER) == {"extra_specs": wanted}
    assert api.get("/flavors/1", version="2.61")["flavor"]["extra_specs"] == wanted
    assert api.get(f"{PATH}/b", token=READER) == {"b": "3"}


def test_one_spec_is_set_and_deleted(api: Api) -> None:
    assert api("PUT", f"{PATH}/hw:numa_nodes", {"hw:numa_nodes": "1"}, status=200).json == {
        "hw:numa_nodes": "1"
    }
    api("PUT", f"{PATH}/hw:numa_nodes", {"hw:numa_nodes": "2"}, status=200)
    assert api.get(PATH) == {"extra_specs": {"hw:numa_nodes": "2"}}

    answer = api("DELETE", f"{PATH}/hw:numa_nodes", status=200)
    assert answer.body == b""
    api.refused(404, "itemNotFound", "DELETE", f"{PATH}/hw:numa_nodes")
    api.refused(404, "itemNotFound", "GET", f"{PATH}/hw:numa_nodes")


def test_key_in_body_and_path_must_agree(api: Api) -> None:
    text = api.refused(400, "badRequest", "PUT", f"{PATH}/a", {"b": "1"})
    assert text == "Request body and URI mismatch"
    api.refused(400, "badRequest", "PUT", f"{PATH}/a", {"a": "1", "b": "1"})
    api.refused(400, "badRequest", "PUT", f"{PATH}/a", {})


@pytest.mark.parametrize(
    "specs",
    [
        {"": "x"},
        {"k" * 256: "x"},
        {"a/b": "x"},
        {"a": "v" * 256},
        {"a": 10**300},
        {"a": None},
        {"a": True},
        {"a": {}},
    ],
)
def test_bad_keys_and_values_are_refused(api: Api, specs: Any) -> None:
    api.refused(400, "badRequest", "POST", PATH, {"extra_specs": specs})
    assert api.get(PATH) == {"extra_specs": {}}


def test_known_namespaces_are_checked_since_2_86(api: Api) -> None:
    for specs in ({"hw:cpu_policy": "sometimes"}, {"hw:no_such_key": "1"}):
        how = ("POST", PATH, {"extra_specs": specs})
        text = api.refused(400, "badRequest", *how, version="2.86")
        assert text.startswith("Validation failed;")
        key, value = next(iter(specs.items()))
        api.refused(400, "badRequest", "PUT", f"{PATH}/{key}", {key: value}, version="2.103")
        api(*how, version="2.85", status=200)
    add(api, {"hw:cpu_policy": "dedicated", "operators:own": "anything"}, version="2.86")


def test_unknown_flavor_is_not_found(api: Api) -> None:
    path = "/flavors/9/os-extra_specs"
    api.refused(404, "itemNotFound", "GET", path)
    api.refused(404, "itemNotFound", "GET", f"{path}/a")
    api.refused(404, "itemNotFound", "POST", path, {"extra_specs": {"a": "b"}})
    api.refused(404, "itemNotFound", "PUT", f"{path}/a", {"a": "b"})
    api.refused(404, "itemNotFound", "DELETE", f"{path}/a")


@pytest.mark.parametrize(
    ("method", "path", "body", "rule"),
    [
        ("POST", PATH, {"extra_specs": {"a": "b"}}, "create"),
        ("PUT", f"{PATH}/a", {"a": "b"}, "update"),
        ("DELETE", f"{PATH}/a", None, "delete"),
    ],
)
def test_only_admins_change_specs(api: Api, method: str, path: str, body: Any, rule: str) -> None:
    text = api.refused(403, "forbidden", method, path, body, token=USER)
    assert f"os_compute_api:os-flavor-extra-specs:{rule}" in text
