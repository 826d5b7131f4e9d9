"""Negotiation, headers and error bodies, the same for all resources."""

from __future__ import annotations

import email.utils
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from oslo_config import cfg

from groundwork.database import Database
from placement import conf as options
from placement.api.app import make_application, make_operations
from tests.api.placement.conftest import Client, error_of

U = "11111111-1111-1111-1111-111111111111"


def test_version_document_needs_no_token(client: Client) -> None:
    for path in ("/", ""):
        answer = client("GET", path, token=None, version=None)
        assert answer.status_int == 200
        assert answer.json == {
            "versions": [
                {
                    "id": "v1.0",
                    "min_version": "1.0",
                    "max_version": "1.39",
                    "status": "CURRENT",
                    "links": [{"rel": "self", "href": ""}],
                }
            ]
        }


def test_everything_else_needs_a_token(client: Client) -> None:
    answer = client("GET", "/resource_providers", token=None)
    assert answer.status_int == 401
    assert error_of(answer)["request_id"].startswith("req-")


@pytest.mark.parametrize(
    ("header", "version"),
    [
        (None, "1.0"),
        ("placement 1.10", "1.10"),
        ("placement latest", "1.39"),
        ("compute 2.90, placement 1.4", "1.4"),
        ("compute 2.90", "1.0"),
        ("PLACEMENT  1.39", "1.39"),
    ],
)
def test_answers_tell_the_version(client: Client, header: str | None, version: str) -> None:
    headers = {"OpenStack-API-Version": header} if header else {}
    answer = client("GET", "/resource_providers", version=None, headers=headers)
    assert answer.status_int == 200
    assert answer.headers["OpenStack-API-Version"] == f"placement {version}"
    assert answer.headers["Vary"] == "openstack-api-version"


@pytest.mark.parametrize("version", ["1", "1.01", "x", "1.2.3", "-1.0", "1.x"])
def test_malformed_version_is_400(client: Client, version: str) -> None:
    for path in ("/resource_providers", "/nope"):
        answer = client("GET", path, version=version)
        assert answer.status_int == 400
        assert "OpenStack-API-Version" not in answer.headers


@pytest.mark.parametrize("version", ["1.40", "2.0", "9.99"])
def test_version_outside_the_range_is_406_with_the_range(client: Client, version: str) -> None:
    answer = client("GET", "/resource_providers", version=version)
    error = error_of(answer)
    assert (error["status"], error["min_version"], error["max_version"]) == (406, "1.0", "1.39")
    assert "OpenStack-API-Version" not in answer.headers


def test_errors_tell_the_version_and_since_1_23_a_code(client: Client) -> None:
    for version, has_code in (("1.22", False), ("1.23", True)):
        answer = client("GET", f"/resource_providers/{U}", version=version)
        error = error_of(answer)
        assert (error["status"], error["title"]) == (404, "Not Found")
        assert ("code" in error) is has_code
        assert error["request_id"] == answer.headers["x-openstack-request-id"]
        assert answer.headers["OpenStack-API-Version"] == f"placement {version}"
        assert "Vary" not in answer.headers


def test_unknown_path_and_method(client: Client) -> None:
    answer = client("GET", "/nope", version="1.23")
    assert error_of(answer)["code"] == "placement.undefined_code"
    assert answer.headers["OpenStack-API-Version"] == "placement 1.23"
    answer = client("PATCH", "/resource_providers")
    assert (answer.status_int, answer.headers["Allow"]) == (405, "GET, POST")


@pytest.mark.parametrize(
    ("method", "path", "below", "status"),
    [
        ("GET", f"/resource_providers/{U}/aggregates", "1.0", 404),
        ("GET", "/resource_classes", "1.1", 404),
        ("DELETE", f"/resource_providers/{U}/inventories", "1.4", 405),
        ("GET", "/traits", "1.5", 404),
        ("GET", f"/resource_providers/{U}/traits", "1.5", 404),
        ("GET", "/usages?project_id=p", "1.8", 404),
        ("GET", "/allocation_candidates?resources=VCPU:1", "1.9", 404),
        ("POST", "/allocations", "1.12", 404),
        ("POST", "/reshaper", "1.29", 404),
    ],
)
def test_route_below_its_version(
    client: Client, method: str, path: str, below: str, status: int
) -> None:
    assert client(method, path, version=below).status_int == status
    answer = client(method, path, version=f"1.{int(below[2:]) + 1}")
    assert answer.status_int != 405
    assert "The resource could not be found." not in answer.text


def test_body_must_be_json_and_say_so(client: Client) -> None:
    path = "/resource_providers"
    text = {"Content-Type": "text/plain"}
    assert client("POST", path, {"name": "a"}, headers=text).status_int == 415
    assert client("POST", path).status_int == 415
    assert client("POST", path, headers={"Content-Type": "application/json"}).status_int == 400
    for body in (b"{", b'{"name": NaN}', b"\xff", b"[" * 100_000):
        assert client("POST", path, body).status_int == 400
    answer = client("POST", path, {"name": "a"}, headers={"Content-Type": ""})
    assert answer.status_int == 400
    charset = {"Content-Type": "application/json; charset=UTF-8"}
    assert client("POST", path, {"name": "a"}, headers=charset).status_int == 200


def test_read_that_excludes_json_is_406(client: Client) -> None:
    answer = client("GET", "/resource_providers", headers={"Accept": "text/html"})
    assert answer.status_int == 406
    assert answer.content_type == "text/html"
    assert client("GET", "/resource_providers", headers={"Accept": "*/*"}).status_int == 200
    answer = client("GET", f"/resource_providers/{U}", headers={"Accept": "text/plain"})
    assert (answer.status_int, answer.content_type) == (404, "text/plain")


def test_cache_headers_since_1_15(client: Client) -> None:
    client.provider(U)
    for path in ("/", "/resource_providers", f"/resource_providers/{U}/aggregates", "/traits"):
        old = client("GET", path, version="1.14")
        assert "Last-Modified" not in old.headers
        assert "Cache-Control" not in old.headers
        new = client("GET", path, version="1.15")
        assert new.headers["Cache-Control"] == "no-cache"
        moment = email.utils.parsedate_to_datetime(new.headers["Last-Modified"])
        assert abs(datetime.now(UTC) - moment) < timedelta(minutes=5)
    empty = client("GET", f"/resource_providers/{U}/inventories")
    assert "Last-Modified" not in empty.headers
    assert empty.headers["Cache-Control"] == "no-cache"


def test_unknown_query_key_is_400(client: Client) -> None:
    assert client("GET", "/resource_providers?color=red").status_int == 400
    assert client("GET", f"/resource_providers/{U}?color=red").status_int == 400
    assert client("GET", "/resource_providers?name=%ff").status_int == 400


def test_strangers_are_refused_with_the_rule(client: Client) -> None:
    answer = client("GET", "/resource_providers", token="user:project")
    error = error_of(answer)
    assert error["status"] == 403
    assert "placement:resource_providers:list" in error["detail"]
    service = client("GET", "/resource_providers", token="nova:svc", headers={"X-Roles": "service"})
    assert service.status_int == 200


def test_policy_comes_before_the_body(client: Client) -> None:
    assert client("POST", "/resource_providers", {"bad": 1}, token="u:p").status_int == 403


def test_reshaper_is_for_services_unless_old_defaults_hold(
    conf: cfg.ConfigOpts, database: Database
) -> None:
    body: dict[str, object] = {}
    admin = {"X-Roles": "admin"}
    strict = Client(make_application(conf, database))
    assert strict("POST", "/reshaper", body, token="u:p", headers=admin).status_int == 403
    conf.set_override("enforce_new_defaults", False, group="oslo_policy")
    lenient = Client(make_application(conf, database))
    assert lenient("POST", "/reshaper", body, token="u:p", headers=admin).status_int == 400


def test_openapi_document_lists_every_path(
    client: Client, conf: cfg.ConfigOpts, database: Database
) -> None:
    document = client.get("/openapi.json", token=None)
    assert document["openapi"].startswith("3.1")
    operations = make_operations(conf, database).operations
    assert set(document["paths"]) == {one.path for one in operations}


def test_keystone_is_asked_by_default_and_not_for_the_root(
    tmp_path: Path, database: Database
) -> None:
    file = tmp_path / "keystone.conf"
    file.write_text(
        "[placement_database]\nconnection = sqlite://\n"
        "[keystone_authtoken]\nwww_authenticate_uri = http://127.0.0.1:5000\n"
    )
    conf = options.new()
    conf(["--config-file", str(file)], project="placement")
    guarded = Client(make_application(conf, database))
    assert guarded("GET", "/", token=None).status_int == 200
    assert guarded("GET", "/resource_providers", token=None).status_int == 401


def test_links_and_locations_follow_the_mount_point(
    conf: cfg.ConfigOpts, database: Database
) -> None:
    application = make_application(conf, database)

    def mounted(environ: dict, start_response: object) -> object:
        environ["SCRIPT_NAME"] = "/placement"
        return application(environ, start_response)

    answer = Client(mounted)("POST", "/resource_providers", {"name": "a", "uuid": U})
    assert answer.headers["Location"] == f"http://localhost/placement/resource_providers/{U}"
    assert answer.json["links"][0]["href"] == f"/placement/resource_providers/{U}"
