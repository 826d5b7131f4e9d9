"""``/flavors``: lists, create, show, update, delete."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from tests.api.client import ADMIN, PROJECT, READER, STRANGER, USER, Api, MakeApi, read_conf


def make(api: Api, flavorid: str, *, version: str = "2.55", **fields: Any) -> Any:
    body = {"id": flavorid, "name": f"m1.{flavorid}", "ram": 512, "vcpus": 1, "disk": 1, **fields}
    return api("POST", "/flavors", {"flavor": body}, version=version, status=200).json["flavor"]


def ids(api: Api, query: str = "", **how: Any) -> list[str]:
    return [flavor["id"] for flavor in api.get(f"/flavors{query}", **how)["flavors"]]


def test_created_flavor_is_shown_as_it_was_asked_for(api: Api) -> None:
    made = make(
        api, "7", ram=2048, vcpus="2", disk=20, swap="512", rxtx_factor="2.5", description="d"
    )
    made_links = made.pop("links")

    assert made == {
        "id": "7",
        "name": "m1.7",
        "ram": 2048,
        "vcpus": 2,
        "disk": 20,
        "swap": 512,
        "rxtx_factor": 2.5,
        "OS-FLV-EXT-DATA:ephemeral": 0,
        "OS-FLV-DISABLED:disabled": False,
        "os-flavor-access:is_public": True,
        "description": "d",
    }
    assert made_links == [
        {"rel": "self", "href": "http://openstack.example.com/v2.1/flavors/7"},
        {"rel": "bookmark", "href": "http://openstack.example.com/flavors/7"},
    ]
    assert api.get("/flavors/7", version="2.55")["flavor"] == {**made, "links": made_links}


@pytest.mark.parametrize(
    ("version", "added", "removed"),
    [
        ("2.54", set(), set()),
        ("2.55", {"description"}, set()),
        ("2.60", {"description"}, set()),
        ("2.61", {"description", "extra_specs"}, set()),
        ("2.101", {"description", "extra_specs"}, set()),
        (
            "2.102",
            {"description", "extra_specs"},
            {"rxtx_factor", "OS-FLV-DISABLED:disabled"},
        ),
    ],
)
def test_keys_by_version(api: Api, version: str, added: set[str], removed: set[str]) -> None:
    make(api, "1")
    known = {
        "id",
        "name",
        "ram",
        "vcpus",
        "disk",
        "swap",
        "rxtx_factor",
        "OS-FLV-EXT-DATA:ephemeral",
        "OS-FLV-DISABLED:disabled",
        "os-flavor-access:is_public",
        "links",
    }

    shown = api.get("/flavors/1", version=version)["flavor"]
    detailed = api.get("/flavors/detail", version=version)["flavors"][0]

    assert set(shown) == set(detailed) == (known | added) - removed


@pytest.mark.parametrize(("version", "swap"), [("2.74", ""), ("2.75", 0)])
def test_no_swap_by_version(api: Api, version: str, swap: object) -> None:
    make(api, "1")
    assert api.get("/flavors/1", version=version)["flavor"]["swap"] == swap


def test_extra_specs_are_hidden_from_those_who_may_not_see_them(api: Api) -> None:
    make(api, "1")
    token = f"nobody:{PROJECT}:none"
    assert "extra_specs" not in api.get("/flavors/1", version="2.61", token=token)["flavor"]
    assert api.get("/flavors/1", version="2.61", token=READER)["flavor"]["extra_specs"] == {}


@pytest.mark.parametrize("given", [None, "absent"])
def test_flavor_without_an_id_gets_a_uuid(api: Api, given: str | None) -> None:
    body: dict[str, Any] = {"name": "n", "ram": 1, "vcpus": 1, "disk": 0}
    if given is None:
        body["id"] = None
    made = api("POST", "/flavors", {"flavor": body}, status=200).json["flavor"]
    assert len(made["id"]) == 36
    assert make(api, "auto")["id"] == "auto"


def test_number_as_id_becomes_text(api: Api) -> None:
    assert make(api, 42)["id"] == "42"  # type: ignore[arg-type]


def test_taken_id_and_taken_name_are_conflicts(api: Api) -> None:
    make(api, "1")
    same_id = {"id": "1", "name": "other", "ram": 1, "vcpus": 1, "disk": 0}
    same_name = {"id": "2", "name": "m1.1", "ram": 1, "vcpus": 1, "disk": 0}
    how = (409, "conflictingRequest", "POST", "/flavors")
    assert api.refused(*how, {"flavor": same_id}) == "Flavor with ID 1 already exists."
    assert api.refused(*how, {"flavor": same_name}) == "Flavor with name m1.1 already exists."


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", " edge"),
        ("name", "x" * 256),
        ("id", " edge"),
        ("id", "a/b"),
        ("id", 10**300),
        ("ram", 0),
        ("ram", "0"),
        ("ram", 2**31),
        ("ram", str(2**31)),
        ("ram", "many"),
        ("ram", True),
        ("vcpus", 0),
        ("disk", -1),
        ("swap", "-1"),
        ("OS-FLV-EXT-DATA:ephemeral", 1.5),
        ("rxtx_factor", 0),
        ("rxtx_factor", "0.0"),
        ("rxtx_factor", "9" * 400),
        ("os-flavor-access:is_public", "maybe"),
        ("os-flavor-access:is_public", 1),
        ("description", "bell \x07"),
        ("unknown", 1),
    ],
)
def test_bad_fields_are_refused(api: Api, field: str, value: object) -> None:
    body = {"name": "n", "ram": 1, "vcpus": 1, "disk": 0, field: value}
    text = api.refused(400, "badRequest", "POST", "/flavors", {"flavor": body}, version="2.101")
    assert "Invalid input for field/attribute" in text
    assert ids(api) == []


@pytest.mark.parametrize(("field", "version"), [("description", "2.54"), ("rxtx_factor", "2.102")])
def test_fields_outside_of_their_versions_are_refused(api: Api, field: str, version: str) -> None:
    body = {"name": "n", "ram": 1, "vcpus": 1, "disk": 0, field: "1"}
    api.refused(400, "badRequest", "POST", "/flavors", {"flavor": body}, version=version)


def test_only_the_description_can_be_changed_and_cleared(api: Api) -> None:
    make(api, "1", description="old")
    put = ("PUT", "/flavors/1")

    changed = api(*put, {"flavor": {"description": "new"}}, version="2.55", status=200).json
    assert changed["flavor"]["description"] == "new"
    cleared = api(*put, {"flavor": {"description": None}}, version="2.55", status=200).json
    assert cleared["flavor"]["description"] is None

    api.refused(400, "badRequest", *put, {"flavor": {"ram": 1}}, version="2.55")
    api.refused(404, "itemNotFound", *put, {"flavor": {"description": "x"}}, version="2.54")
    missing = {"flavor": {"description": "x"}}
    api.refused(404, "itemNotFound", "PUT", "/flavors/9", missing, version="2.55")


def test_deleted_flavor_is_gone_with_its_extra_specs(api: Api) -> None:
    make(api, "1")
    api("POST", "/flavors/1/os-extra_specs", {"extra_specs": {"a": "b"}}, status=200)

    answer = api("DELETE", "/flavors/1", status=202)

    assert answer.body == b""
    api.refused(404, "itemNotFound", "GET", "/flavors/1")
    api.refused(404, "itemNotFound", "DELETE", "/flavors/1")
    make(api, "1")
    assert api.get("/flavors/1/os-extra_specs") == {"extra_specs": {}}


@pytest.mark.parametrize(
    ("method", "path", "body", "rule"),
    [
        (
            "POST",
            "/flavors",
            {"flavor": {"name": "n", "ram": 1, "vcpus": 1, "disk": 0}},
            "os_compute_api:os-flavor-manage:create",
        ),
        (
            "PUT",
            "/flavors/1",
            {"flavor": {"description": "x"}},
            "os_compute_api:os-flavor-manage:update",
        ),
        ("DELETE", "/flavors/1", None, "os_compute_api:os-flavor-manage:delete"),
    ],
)
def test_only_admins_manage_flavors(api: Api, method: str, path: str, body: Any, rule: str) -> None:
    make(api, "1")
    text = api.refused(403, "forbidden", method, path, body, version="2.55", token=USER)
    assert rule in text


def test_private_flavors_are_seen_by_admins_and_projects_that_share_them(api: Api) -> None:
    make(api, "public")
    make(api, "private", **{"os-flavor-access:is_public": False})

    assert ids(api) == ["public"]
    assert ids(api, "?is_public=None") == ["private", "public"]
    assert ids(api, "?is_public=False") == ["private"]
    assert ids(api, "?is_public=yes") == ["public"]
    assert ids(api, "?is_public=None", token=USER) == ["public"]
    api.refused(404, "itemNotFound", "GET", "/flavors/private", token=USER)
    api.refused(400, "badRequest", "GET", "/flavors?is_public=maybe")

    share = {"addTenantAccess": {"tenant": PROJECT}}
    api("POST", "/flavors/private/action", share, status=200)

    assert ids(api, token=USER) == ["private", "public"]
    assert api.get("/flavors/private", token=USER)["flavor"]["id"] == "private"
    assert ids(api, token=STRANGER) == ["public"]
    assert ids(api, token=ADMIN) == ["private", "public"]


def test_filters_by_memory_disk_and_name(api: Api) -> None:
    make(api, "a", ram=512, disk=1)
    make(api, "b", ram=1024, disk=2)
    make(api, "c", ram=2048, disk=0)

    assert ids(api, "?minRam=1024") == ["b", "c"]
    assert ids(api, "?minRam=1024&minDisk=1") == ["b"]
    assert ids(api, f"?minRam={10**40}") == []
    assert ids(api, "?minRam=-5") == ["a", "b", "c"]
    assert ids(api, "?name=m1.b", version="2.102") == ["b"]
    assert ids(api, "?name=m1.b&name=m1.c", version="2.102") == ["b", "c"]
    assert ids(api, "?name=m1.b", version="2.74") == ["a", "b", "c"]
    api.refused(400, "badRequest", "GET", "/flavors?name=m1.b", version="2.101")
    text = api.refused(400, "badRequest", "GET", "/flavors?minDisk=much")
    assert text == "Invalid minDisk filter [much]"


def test_pages_lead_to_each_other_and_keep_the_query(api: Api) -> None:
    for flavorid in "abcde":
        make(api, flavorid)

    first = api.get("/flavors?limit=2&minDisk=1")
    assert [flavor["id"] for flavor in first["flavors"]] == ["a", "b"]
    assert first["flavors_links"] == [
        {
            "rel": "next",
            "href": "http://openstack.example.com/v2.1/flavors?limit=2&marker=b&minDisk=1",
        }
    ]
    detail = api.get("/flavors/detail?limit=2&marker=b")
    assert [flavor["id"] for flavor in detail["flavors"]] == ["c", "d"]
    assert detail["flavors_links"][0]["href"].endswith("/flavors/detail?limit=2&marker=d")
    last = api.get("/flavors?limit=2&marker=d")
    assert [flavor["id"] for flavor in last["flavors"]] == ["e"]
    assert "flavors_links" not in last
    assert api.get("/flavors?limit=0") == {"flavors": []}
    assert api.get("/flavors?marker=e") == {"flavors": []}
    text = api.refused(400, "badRequest", "GET", "/flavors?marker=nowhere")
    assert text == "Marker nowhere could not be found."


def test_page_is_cut_to_the_operators_limit(make_api: MakeApi) -> None:
    api = make_api(conf=read_conf(max_limit=2))
    for flavorid in "abc":
        make(api, flavorid)
    assert ids(api, "?limit=1000") == ["a", "b"]
    assert "flavors_links" in api.get("/flavors")


@pytest.mark.parametrize("key", ["description", "updated_at", "vcpu_weight", "name", "swap"])
@pytest.mark.parametrize("direction", ["asc", "desc"])
def test_every_order_can_be_paged_through(api: Api, key: str, direction: str) -> None:
    for number, flavorid in enumerate("dacb"):
        described = "x" * number if number % 2 else None
        make(api, flavorid, swap=number % 3, description=described)
    api("PUT", "/flavors/a", {"flavor": {"description": "y"}}, version="2.55", status=200)
    order = f"sort_key={key}&sort_dir={direction}"
    whole = ids(api, f"?{order}")
    assert sorted(whole) == list("abcd")

    paged, marker = [], ""
    for _ in range(4):
        paged += ids(api, f"?{order}&limit=1{marker}")
        marker = f"&marker={paged[-1]}"

    assert paged == whole
    assert ids(api, f"?{order}{marker}") == []


def test_several_sort_keys(api: Api) -> None:
    for flavorid, ram, disk in (("a", 1, 2), ("b", 2, 1), ("c", 1, 1)):
        make(api, flavorid, ram=ram, disk=disk)
    keys = "sort_key=memory_mb&sort_key=root_gb"
    assert ids(api, f"?{keys}") == ["c", "a", "b"]
    assert ids(api, f"?{keys}&sort_dir=asc&sort_dir=desc") == ["a", "c", "b"]
    assert ids(api, f"?{keys}&sort_dir=desc") == ["b", "a", "c"]
    api.refused(400, "badRequest", "GET", "/flavors?sort_key=name&sort_dir=asc&sort_dir=asc")
    api.refused(400, "badRequest", "GET", "/flavors?sort_key=ram")
    api.refused(400, "badRequest", "GET", "/flavors?sort_key=rxtx_factor", version="2.102")


@pytest.mark.parametrize(
    ("path", "since"),
    [
        ("/flavors", "2.75"),
        ("/flavors/detail", "2.75"),
        ("/flavors/1", "2.102"),
        ("/flavors/1/os-extra_specs", "2.102"),
    ],
)
def test_unknown_query_keys_are_ignored_and_later_refused(api: Api, path: str, since: str) -> None:
    make(api, "1")
    before = f"2.{int(since[2:]) - 1}"
    api("GET", f"{path}?unknown=1", version=before, status=200)
    text = api.refused(400, "badRequest", "GET", f"{path}?unknown=1", version=since)
    assert "unknown" in text


@pytest.mark.parametrize("limit", ["-1", "two", "", "1&limit=2"])
def test_bad_limits_are_refused(api: Api, limit: str) -> None:
    text = api.refused(400, "badRequest", "GET", f"/flavors?limit={limit}")
    assert text.startswith("Invalid input for query parameters limit.")


def test_list_takes_two_statements(api: Api) -> None:
    for flavorid in "abc":
        make(api, flavorid)
    seen: list[str] = []
    with api.database.read() as tx:
        engine = tx._connection.engine
    listen = (engine, "before_cursor_execute", lambda *a: seen.append(a[2]))
    sa.event.listen(*listen)
    try:
        api.get("/flavors/detail?limit=2&marker=a", version="2.61")
    finally:
        sa.event.remove(*listen)
    assert [text.split()[0] for text in seen if text != "BEGIN"] == ["SELECT", "SELECT"]


def test_links_hold_the_project_when_the_url_did(api: Api) -> None:
    make(api, "1")
    flavor = api.get(f"/{PROJECT}/flavors/1")["flavor"]
    assert [link["href"] for link in flavor["links"]] == [
        f"http://openstack.example.com/v2.1/{PROJECT}/flavors/1",
        f"http://openstack.example.com/{PROJECT}/flavors/1",
    ]
    listed = api.get(f"/{PROJECT}/flavors?limit=1")
    assert f"/v2.1/{PROJECT}/flavors?limit=1&marker=1" in listed["flavors_links"][0]["href"]


def test_legacy_mount_drops_unknown_keys_and_strips_names(api: Api) -> None:
    body = {"flavor": {"name": " n ", "ram": 1, "vcpus": 1, "disk": 0, "unknown": 1}, "more": 1}
    made = api("POST", "/flavors", body, mount="/v2", version="2.103", status=200)
    assert made.json["flavor"]["name"] == "n"
    assert "description" not in made.json["flavor"]
    assert made.json["flavor"]["links"][0]["href"].startswith("http://openstack.example.com/v2/")
    assert "OpenStack-API-Version" not in made.headers
    api.refused(400, "badRequest", "POST", "/flavors", {"flavor": {}}, mount="/v2")
