"""Negotiation of versions, and the forms of errors that hold for every route."""

from __future__ import annotations

import io
import logging
from typing import Any

import pytest
import webob
from oslo_middleware import cors

from groundwork.operations import Answer, Call, operation
from tests.api.client import ADMIN, OTHER_PROJECT, PROJECT, USER, Api, MakeApi, read_conf

NEW = "OpenStack-API-Version"
OLD = "X-OpenStack-Nova-API-Version"


def ask(api: Api, path: str = "/v2.1/flavors", **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return api.raw("GET", path, token=ADMIN, headers=named)


@pytest.mark.parametrize(
    ("headers", "version"),
    [
        ({}, "2.1"),
        ({NEW: "compute 2.10"}, "2.10"),
        ({NEW: "COMPUTE 2.10"}, "2.10"),
        ({NEW: "compute latest"}, "2.103"),
        ({NEW: "compute 2.103"}, "2.103"),
        ({NEW: "placement 1.5, compute 2.9"}, "2.9"),
        ({NEW: "compute 2.8, compute 2.9"}, "2.9"),
        ({NEW: "placement 1.5"}, "2.1"),
        ({NEW: "placement 1.5", OLD: "2.7"}, "2.7"),
        ({OLD: "2.7"}, "2.7"),
        ({OLD: "latest"}, "2.103"),
        ({NEW: "compute 2.9", OLD: "2.7"}, "2.9"),
    ],
)
def test_version_is_negotiated_and_told(api: Api, headers: dict[str, str], version: str) -> None:
    answer = api.raw("GET", "/v2.1/flavors", token=ADMIN, headers=headers)
    assert answer.status_int == 200
    assert answer.headers[NEW] == f"compute {version}"
    assert answer.headers[OLD] == version
    assert answer.headers["Vary"] == f"{NEW}, {OLD}"


@pytest.mark.parametrize("version", ["1.99", "2.0", "2.104", "3.1", "2.99999999999999999999"])
def test_version_out_of_range_is_not_acceptable(api: Api, version: str) -> None:
    answer = api.raw("GET", "/v2.1/flavors", token=ADMIN, headers={NEW: f"compute {version}"})
    assert answer.status_int == 406
    assert answer.json["computeFault"]["code"] == 406
    text = answer.json["computeFault"]["message"]
    assert all(told in text for told in (version, "2.1", "2.103"))
    assert answer.headers[NEW] == f"compute {version}"
    assert answer.headers[OLD] == version


@pytest.mark.parametrize(
    "version", ["2", "2.01", "two.one", "2.1.1", "", "-2.1", "2. 1", "2.1\u00b2"]
)
def test_malformed_version_is_a_bad_request(api: Api, version: str) -> None:
    for headers in ({NEW: f"compute {version}"}, {OLD: version}):
        answer = api.raw("GET", "/v2.1/flavors", token=ADMIN, headers=headers)
        assert answer.status_int == 400
        assert answer.json["badRequest"]["code"] == 400


def test_errors_carry_the_version_too(api: Api) -> None:
    answer = api("GET", "/flavors/nowhere", version="2.30", status=404)
    assert answer.json["itemNotFound"] == {
        "code": 404,
        "message": "Flavor nowhere could not be found.",
    }
    assert answer.headers[NEW] == "compute 2.30"


def test_route_outside_of_its_versions_looks_absent(api: Api) -> None:
    body = {"flavor": {"description": "x"}}
    text = api.refused(404, "itemNotFound", "PUT", "/flavors/1", body, version="2.54")
    assert text == "The resource could not be found."


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/nowhere"), ("PATCH", "/flavors/1"), ("GET", "/flavors/1/2/3")]
)
def test_unknown_path_or_method_has_a_404_of_its_own(api: Api, method: str, path: str) -> None:
    answer = api(method, path, version="2.30", status=404)
    assert answer.json["code"] == "404 Not Found"
    assert answer.json["title"] == "Not Found"
    assert NEW not in answer.headers
    plain = api.raw(method, f"/v2.1{path}", token=ADMIN, headers={"Accept": "text/plain"})
    assert plain.status_int == 404
    assert plain.content_type == "text/plain"


def test_legacy_mount_knows_no_versions(api: Api) -> None:
    answer = ask(api, "/v2/flavors", **{NEW: "compute nonsense"})
    assert answer.status_int == 200
    assert NEW not in answer.headers
    assert OLD not in answer.headers


def test_project_in_the_path_must_be_the_tokens(api: Api) -> None:
    api("GET", f"/{PROJECT}/flavors", status=200)
    answer = api("GET", f"/{OTHER_PROJECT}/flavors", version="2.9", status=400)
    assert OTHER_PROJECT in answer.json["badRequest"]["message"]
    assert answer.headers[NEW] == "compute 2.9"
    assert api("GET", f"/{OTHER_PROJECT}/flavors", mount="/v2").status_int == 400


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 200),
        ("application/json; charset=UTF-8", 200),
        ("application/vnd.openstack.compute+json", 200),
        ("text/plain", 415),
        ("application/xml", 415),
    ],
)
def test_media_types_of_bodies(api: Api, content_type: str, status: int) -> None:
    body = b'{"flavor": {"id": "1", "name": "n", "ram": 1, "vcpus": 1, "disk": 0}}'
    answer = api.raw(
        "POST", "/v2.1/flavors", token=ADMIN, headers={"Content-Type": content_type}, body=body
    )
    assert answer.status_int == status
    assert "flavor" in answer.json or answer.json["badMediaType"]["code"] == 415


@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]", b"{", b"\xff", b'{"flavor": NaN}', b"[" * 9999]
)
def test_bodies_that_are_no_objects_are_refused(api: Api, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    answer = api.raw("POST", "/v2.1/flavors", token=ADMIN, headers=headers, body=body)
    assert answer.status_int == 400
    assert answer.json["badRequest"]["code"] == 400


def test_schema_errors_name_field_value_and_reason(api: Api) -> None:
    body = {"flavor": {"name": "n", "ram": 0, "vcpus": 1, "disk": 0}}
    text = api.refused(400, "badRequest", "POST", "/flavors", body)
    assert text == (
        "Invalid input for field/attribute ram. Value: 0. 0 is less than the minimum of 1"
    )
    body["flavor"]["ram"] = "x" * 5000
    assert len(api.refused(400, "badRequest", "POST", "/flavors", body)) < 2500


def test_too_large_bodies_are_refused_with_and_without_a_length(make_api: MakeApi) -> None:
    conf = read_conf()
    api = make_api(conf=conf)
    conf.set_override("max_request_body_size", 50, group="oslo_middleware")
    body = b'{"flavor": {"id": "1", "name": "n", "ram": 1, "vcpus": 1, "disk": 0}}'
    headers = {"Content-Type": "application/json"}

    answer = api.raw("POST", "/v2.1/flavors", token=ADMIN, headers=headers, body=body)
    assert answer.status_int == 413
    assert answer.json["overLimit"]["code"] == 413

    request = webob.Request.blank("/v2.1/flavors", method="POST", headers=headers)
    request.headers["X-Auth-Token"] = ADMIN
    request.environ["wsgi.input_terminated"] = True
    request.environ["wsgi.input"] = io.BytesIO(body)
    answer = request.get_response(api.application)
    assert answer.status_int == 413
    assert answer.json["overLimit"]["code"] == 413


@pytest.mark.parametrize(
    "path",
    [
        "/v2.1/flavors/%ff",
        "/v2.1/flavors/a%00b",
        "/v2.1/flavors?marker=%00",
        "/v2.1/flavors?%ff=1",
        "/v2/flavors/%ff",
        "/%ff",
    ],
)
def test_unreadable_urls_are_refused(api: Api, path: str) -> None:
    answer = api.raw("GET", path, token=ADMIN)
    assert answer.status_int == 400
    assert answer.json["badRequest"]["code"] == 400
    assert "x-compute-request-id" in answer.headers


@pytest.mark.parametrize(
    ("name", "status"),
    [
        (rb"a\u0000b", 400),
        (rb"\\\u0000", 400),
        # A backslash and the text u0000.
        (rb"a\\u0000b", 200),
        (rb"\ud800", 400),
        ("größe \N{SNOWMAN}".encode(), 200),
    ],
)
def test_bodies_hold_text_that_databases_take(api: Api, name: bytes, status: int) -> None:
    body = b'{"flavor": {"id": "1", "name": "' + name + b'", "ram": 1, "vcpus": 1, "disk": 0}}'
    headers = {"Content-Type": "application/json"}
    answer = api.raw("POST", "/v2.1/flavors", token=ADMIN, headers=headers, body=body)
    assert answer.status_int == status


def test_request_ids(api: Api) -> None:
    asked = "req-00000000-0000-0000-0000-00000000000a"
    answer = ask(api, **{"X-OpenStack-Request-ID": asked})
    own = answer.headers["x-openstack-request-id"]
    assert own.startswith("req-")
    assert own != asked
    assert answer.headers["x-compute-request-id"] == own


class Broken:
    """A resource with a bug, and one that tells who asks."""

    def __init__(self) -> None:
        self.calls: list[Call] = []

    @operation("GET", "/broken", versions="2.1-", policy=None)
    def crash(self, call: Call) -> Answer:
        """Fail."""
        raise ZeroDivisionError("secret")

    @operation("GET", "/who", versions="2.1-", policy=None)
    def who(self, call: Call) -> Answer:
        """Remember."""
        self.calls.append(call)
        return Answer({})


def test_our_own_bugs_are_500_and_logged(
    make_api: MakeApi, caplog: pytest.LogCaptureFixture
) -> None:
    api = make_api(resources=[Broken()])
    with caplog.at_level(logging.ERROR):
        answer = api("GET", "/broken", version="2.5", status=500)
    fault = answer.json["computeFault"]
    assert fault["code"] == 500
    assert answer.headers["x-openstack-request-id"] in fault["message"]
    assert "secret" not in answer.text
    assert answer.headers[NEW] == "compute 2.5"
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize(
    ("token", "project", "roles", "is_admin"),
    [
        ("admin", "admin", ["admin", "member", "reader"], True),
        ("admin:p", "p", ["admin", "member", "reader"], True),
        ("joe:p", "p", ["member", "reader"], False),
        ("joe:p:reader", "p", ["reader"], False),
        ("joe:p:admin,x", "p", ["admin", "x"], True),
    ],
)
def test_noauth2_believes_tokens(
    make_api: MakeApi, token: str, project: str, roles: list[str], is_admin: bool
) -> None:
    resource = Broken()
    api = make_api(resources=[resource])
    asked = "req-00000000-0000-0000-0000-00000000000b"
    answer = api.raw("GET", "/v2.1/who", token=token, headers={"X-OpenStack-Request-ID": asked})
    context = resource.calls[0].context
    assert (context.user_id, context.project_id) == (token.partition(":")[0], project)
    assert context.roles == roles
    assert context.is_admin is is_admin
    assert context.request_id == answer.headers["x-openstack-request-id"]
    assert context.global_request_id == asked


def test_cors_preflight_is_answered_without_a_token(make_api: MakeApi) -> None:
    conf = read_conf()
    conf.register_opts(cors.OPTS, group="cors")
    conf.set_override("allowed_origin", ["https://dashboard.example.com"], group="cors")
    answer = make_api(conf=conf).raw(
        "OPTIONS",
        "/v2.1/flavors",
        headers={
            "Origin": "https://dashboard.example.com",
            "Access-Control-Request-Method": "GET",
            "Access-Control-Request-Headers": NEW,
        },
    )
    assert answer.status_int == 200
    assert answer.headers["Access-Control-Allow-Origin"] == "https://dashboard.example.com"
    assert NEW in answer.headers["Access-Control-Allow-Headers"]


def test_stranger_reads_public_data_only(api: Api) -> None:
    assert api.get("/flavors", token=USER) == {"flavors": []}
