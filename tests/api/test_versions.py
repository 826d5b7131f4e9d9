"""Version documents, choices, openapi.json: what is told with and without a token."""

from __future__ import annotations

import msgspec
import openapi_spec_validator
import pytest
from oslo_middleware import http_proxy_to_wsgi

from nova.api.app import DEFAULT_LAYOUT
from tests.api.client import ADMIN, PROJECT, Api, MakeApi, read_conf
from tests.api.deployment import sample


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/", "versions-get-resp"),
        ("/v2", "v2-version-get-resp"),
        ("/v2/", "v2-version-get-resp"),
        ("/v2.1", "v21-version-get-resp"),
        ("/v2.1/", "v21-version-get-resp"),
    ],
)
def test_documents_need_no_token_and_carry_no_version_headers(
    api: Api, path: str, name: str
) -> None:
    answer = api.raw("GET", path, headers={"OpenStack-API-Version": "compute 9.9"})
    assert answer.status_int == 200
    assert answer.json == sample(f"versions/{name}.json")
    assert "OpenStack-API-Version" not in answer.headers
    assert "X-OpenStack-Nova-API-Version" not in answer.headers
    assert answer.headers["x-openstack-request-id"] == answer.headers["x-compute-request-id"]


def test_documents_behind_the_token(api: Api) -> None:
    assert api.get("/versions/v2.1") == sample("versions/v21-version-get-resp.json")
    assert api.get("/versions/v2.0") == sample("versions/v2-version-get-resp.json")
    api.refused(404, "itemNotFound", "GET", "/versions/v3")
    assert api.get(f"/{PROJECT}/") == sample("versions/v21-version-get-resp.json")
    legacy = api("GET", f"/{PROJECT}/", mount="/v2", status=200)
    assert legacy.json == sample("versions/v2-version-get-resp.json")
    assert api("GET", f"/{PROJECT}").status_int == 404


@pytest.mark.parametrize("path", ["/versions/v2.1", f"/{PROJECT}/", "/flavors", "/nowhere"])
@pytest.mark.parametrize("mount", ["/v2", "/v2.1"])
def test_everything_below_needs_a_token(api: Api, mount: str, path: str) -> None:
    answer = api.raw("GET", f"{mount}{path}")
    assert answer.status_int == 401
    assert answer.json["unauthorized"]["code"] == 401


@pytest.mark.parametrize("path", ["/v3", "/flavors/1", "/v2.10/servers"])
def test_paths_without_a_version_are_choices(api: Api, path: str) -> None:
    answer = api.raw("GET", path)
    assert answer.status_int == 300
    choices = answer.json["choices"]
    assert [choice["id"] for choice in choices] == ["v2.0", "v2.1"]
    assert [choice["links"][0]["href"] for choice in choices] == [
        f"http://openstack.example.com/v2{path}",
        f"http://openstack.example.com/v2.1{path}",
    ]
    assert set(choices[0]) == {"id", "status", "links", "media-types"}


def test_openapi_document_is_valid_and_holds_every_operation(api: Api) -> None:
    answer = api.raw("GET", "/v2.1/openapi.json")
    assert answer.status_int == 200
    document = msgspec.json.decode(answer.body)
    openapi_spec_validator.validate(document)
    assert document["info"]["version"] == "2.103"
    assert set(document["paths"]["/flavors/{id}"]) >= {"get", "put", "delete"}
    assert document["paths"]["/os-keypairs"]["post"]["x-microversions"] == ["2.1-2.1", "2.2-"]
    assert "/v2.1/openapi.json" not in document["paths"]


def test_mount_point_and_proxy_headers_show_in_links(make_api: MakeApi) -> None:
    conf = read_conf()
    conf.register_opts(http_proxy_to_wsgi.OPTS, group="oslo_middleware")
    conf.set_override("enable_proxy_headers_parsing", True, group="oslo_middleware")
    api = make_api(conf=conf)
    headers = {
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "cloud.example.com",
        "X-Forwarded-Prefix": "/compute",
    }

    href = api.raw("GET", "/v2.1/", headers=headers).json["version"]["links"][0]["href"]
    assert href == "https://cloud.example.com/compute/v2.1/"

    flavor = {"flavor": {"id": "1", "name": "f", "ram": 1, "vcpus": 1, "disk": 0}}
    api("POST", "/flavors", flavor, status=200)
    shown = api.raw("GET", "/v2.1/flavors/1", token=ADMIN, headers=headers).json["flavor"]
    assert [link["href"] for link in shown["links"]] == [
        "https://cloud.example.com/compute/v2.1/flavors/1",
        "https://cloud.example.com/compute/flavors/1",
    ]


def test_configured_prefix_replaces_the_requests_url(make_api: MakeApi) -> None:
    api = make_api(conf=read_conf(compute_link_prefix="https://api.example.com/compute/"))
    flavor = {"flavor": {"id": "1", "name": "f", "ram": 1, "vcpus": 1, "disk": 0}}
    made = api("POST", "/flavors", flavor, status=200).json["flavor"]
    assert made["links"][0]["href"] == "https://api.example.com/compute/v2.1/flavors/1"
    assert made["links"][1]["href"] == "https://api.example.com/compute/flavors/1"
    root = api.raw("GET", "/").json["versions"][1]["links"][0]["href"]
    assert root == "https://api.example.com/compute/v2.1/"
    choice = api.raw("GET", "/flavors").json["choices"][1]["links"][0]["href"]
    assert choice == "https://api.example.com/compute/v2.1/flavors"


def test_scheme_header_of_older_proxies(make_api: MakeApi) -> None:
    conf = read_conf()
    conf.set_override("secure_proxy_ssl_header", "HTTP_X_SCHEME", group="wsgi")
    headers = {"X-Scheme": "https", "Host": "openstack.example.com"}
    document = make_api(conf=conf).raw("GET", "/v2.1", headers=headers).json
    assert document["version"]["links"][0]["href"] == "https://openstack.example.com/v2.1/"


def test_layout_in_etc_is_the_packaged_one() -> None:
    in_etc = DEFAULT_LAYOUT.parents[2] / "etc" / "nova" / "api-paste.ini"
    assert in_etc.read_text() == DEFAULT_LAYOUT.read_text()
