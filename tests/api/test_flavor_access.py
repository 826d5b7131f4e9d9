"""Who may use a private flavor."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.client import OTHER_PROJECT, PROJECT, UNKNOWN_PROJECT, USER, Api

ACTION = "/flavors/10/action"
LIST = "/flavors/10/os-flavor-access"


def make(api: Api, *, public: bool) -> None:
    flavor = {"id": "10", "name": "f", "ram": 1, "vcpus": 1, "disk": 0}
    body = {"flavor": {**flavor, "os-flavor-access:is_public": public}}
    api("POST", "/flavors", body, status=200)


def add(project: str) -> dict[str, Any]:
    return {"addTenantAccess": {"tenant": project}}


def remove(project: str) -> dict[str, Any]:
    return {"removeTenantAccess": {"tenant": project}}


def entry(project: str) -> dict[str, str]:
    return {"flavor_id": "10", "tenant_id": project}


def test_projects_are_added_listed_and_removed(api: Api) -> None:
    make(api, public=False)
    assert api.get(LIST) == {"flavor_access": []}

    api("POST", ACTION, add(PROJECT), status=200)
    both = api("POST", ACTION, add(OTHER_PROJECT), status=200).json

    assert both == {"flavor_access": [entry(PROJECT), entry(OTHER_PROJECT)]} == api.get(LIST)
    left = api("POST", ACTION, remove(PROJECT), status=200).json
    assert left == {"flavor_access": [entry(OTHER_PROJECT)]} == api.get(LIST)


def test_adding_twice_is_a_conflict_and_removing_twice_not_found(api: Api) -> None:
    make(api, public=False)
    api("POST", ACTION, add(PROJECT), status=200)
    api.refused(409, "conflictingRequest", "POST", ACTION, add(PROJECT))
    api("POST", ACTION, remove(PROJECT), status=200)
    api.refused(404, "itemNotFound", "POST", ACTION, remove(PROJECT))


def test_public_flavors_have_no_list_and_take_no_projects_since_2_7(api: Api) -> None:
    make(api, public=True)
    api.refused(404, "itemNotFound", "GET", LIST)
    api.refused(409, "conflictingRequest", "POST", ACTION, add(PROJECT), version="2.7")
    answer = api("POST", ACTION, add(PROJECT), version="2.6", status=200)
    assert answer.json == {"flavor_access": [entry(PROJECT)]}


def test_unknown_projects_and_flavors(api: Api) -> None:
    make(api, public=False)
    text = api.refused(400, "badRequest", "POST", ACTION, add(UNKNOWN_PROJECT))
    assert UNKNOWN_PROJECT in text
    for body in (add(PROJECT), remove(PROJECT)):
        api.refused(404, "itemNotFound", "POST", "/flavors/9/action", body)
    api.refused(404, "itemNotFound", "GET", "/flavors/9/os-flavor-access")


@pytest.mark.parametrize(
    "body",
    [
        None,
        {},
        {"addTenantAccess": {}},
        {"addTenantAccess": {"tenant": ""}},
        {"addTenantAccess": {"tenant": "x", "more": 1}},
        {"addTenantAccess": {"tenant": "x"}, "removeTenantAccess": {"tenant": "x"}},
        {"dance": {}},
    ],
)
def test_bad_actions_are_refused(api: Api, body: Any) -> None:
    make(api, public=False)
    api.refused(400, "badRequest", "POST", ACTION, body)


def test_access_is_for_admins(api: Api) -> None:
    make(api, public=False)
    rule = "os_compute_api:os-flavor-access"
    assert rule in api.refused(403, "forbidden", "GET", LIST, token=USER)
    text = api.refused(403, "forbidden", "POST", ACTION, add(PROJECT), token=USER)
    assert f"{rule}:add_tenant_access" in text
    text = api.refused(403, "forbidden", "POST", ACTION, remove(PROJECT), token=USER)
    assert f"{rule}:remove_tenant_access" in text
