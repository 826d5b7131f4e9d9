"""What is said when something is refused: texts and headers that clients and their tests search for."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest
from oslo_config import cfg

from groundwork.database import Database
from placement import conf as options
from placement.api.app import make_application
from placement.inventory import standard
from tests.api.placement.conftest import Client, claim_body, error_of

U = "11111111-1111-1111-1111-111111111111"
V = "22222222-2222-2222-2222-222222222222"
INVENTORIES = f"/resource_providers/{U}/inventories"


def test_a_broken_body_is_told_with_the_rule_it_breaks(client: Client) -> None:
    detail = error_of(client("POST", "/resource_providers", {"name": "x" * 201}))["detail"]
    assert detail.startswith("JSON does not validate: 'xxx")
    assert "Failed validating 'maxLength' in schema['properties']['name']" in detail
    assert "On instance['name']:" in detail
    detail = error_of(client("PUT", "/resource_classes/GOLD"))["detail"]
    assert "Failed validating 'pattern' in schema" in detail
    detail = error_of(client("POST", "/resource_providers", b'{"name"'))["detail"]
    assert detail.startswith("Malformed JSON: ")


def test_a_large_refused_value_is_not_sent_back_whole(client: Client) -> None:
    answer = client("POST", "/resource_providers", {"name": "x" * 1_000_000})
    assert answer.status_int == 400
    assert len(answer.body) < 10_000


@pytest.mark.parametrize(
    ("query", "minor", "text"),
    [
        ("spam=eggs", 39, "Additional properties are not allowed ('spam' was unexpected)"),
        ("uuid=spam", 39, "Expected 'uuid' parameter to be a format of uuid. Got: spam"),
        (f"member_of={U}&member_of={V}", 23, "Multiple member_of parameters are not supported"),
        (f"member_of=!{U}", 31, "Forbidden member_of parameters are not supported"),
        (f"member_of={U},{V}", 39, "must be prefixed with the 'in:' or '!in:' keyword"),
        ("member_of=!nope", 39, "Expected 'member_of' parameter to contain valid UUID(s)."),
        ("required=", 21, "of the form: HW_CPU_X86_VMX,CUSTOM_MAGIC."),
        ("required=", 22, "of the form: HW_CPU_X86_VMX,!CUSTOM_MAGIC."),
        ("required=CUSTOM_NONE", 39, "No such trait(s): CUSTOM_NONE."),
        ("resources=NONE:1", 39, "Invalid resource class in resources parameter"),
        ("resources=VCPU:1,", 39, "Got: ."),
        ("resources=VCPU:-2", 39, "Requested resource VCPU requires amount >= 1. Got: -2."),
    ],
)
def test_a_bad_query_is_told_what_would_be_right(
    client: Client, query: str, minor: int, text: str
) -> None:
    answer = client("GET", f"/resource_providers?{query}", version=f"1.{minor}")
    assert answer.status_int == 400
    assert text in error_of(answer)["detail"]


def test_refused_inventories_name_provider_and_reason(client: Client) -> None:
    client.provider(U, VCPU=8, DISK_GB=10)

    def detail(method: str, path: str, body: object = None, **more: str) -> str:
        return str(error_of(client(method, path, body, **more))["detail"])

    one = {"resource_provider_generation": 1, "total": 5, "reserved": 6}
    assert f"Unable to update inventory for resource provider {U}" in detail(
        "PUT", f"{INVENTORIES}/VCPU", one
    )
    assert "greater than or equal to total" in detail(
        "PUT", f"{INVENTORIES}/VCPU", {**one, "reserved": 5}, version="1.25"
    )
    new = {"resource_class": "VGPU", "total": 5, "reserved": 6}
    assert "Unable to create inventory for resource provider" in detail("POST", INVENTORIES, new)
    unknown = {"resource_provider_generation": 1, "inventories": {"NONE": {"total": 1}}}
    text = detail("PUT", INVENTORIES, unknown)
    assert "Unknown resource class in inventory" in text
    assert "No such resource class NONE" in text
    stale = {"resource_provider_generation": 7, "inventories": {}}
    assert "actual: 1, given: 7" in detail("PUT", INVENTORIES, stale)
    client("PUT", f"/allocations/{uuid4()}", claim_body({U: {"DISK_GB": 1, "VCPU": 1}}))
    assert f"Inventory for 'VCPU, DISK_GB' on resource provider '{U}' in use" in detail(
        "DELETE", INVENTORIES
    )
    assert "No inventory of class VGPU found for delete" in detail("DELETE", f"{INVENTORIES}/VGPU")


def test_refused_claims_name_the_class(client: Client) -> None:
    client.provider(U, VCPU=8)
    path, consumer = "/allocations", str(uuid4())
    answer = client("PUT", f"{path}/{consumer}", claim_body({U: {"NONE": 1}}))
    text = f"Unable to allocate inventory for consumer {consumer}: No such resource class NONE"
    assert (answer.status_int, error_of(answer)["detail"]) == (400, text)
    answer = client("PUT", f"{path}/{consumer}", claim_body({U: {"VGPU": 1}}))
    assert answer.status_int == 409
    assert "Inventory for 'VGPU' on" in error_of(answer)["detail"]


def test_refused_parents_are_told_by_reason(client: Client) -> None:
    client.provider(U)
    client.provider(V, parent=U)

    def detail(method: str, path: str, version: str = "1.39", **body: object) -> str:
        return str(error_of(client(method, path, body, version=version))["detail"])

    own = {"name": "a", "uuid": (new := str(uuid4())), "parent_provider_uuid": new}
    assert detail("POST", "/resource_providers", **own) == (
        f'Unable to create resource provider "a", {new}: parent provider UUID cannot be same as UUID.'
    )
    under_u, under_v = f"/resource_providers/{U}", f"/resource_providers/{V}"
    for path, parent, version, text in (
        (under_u, V, "1.39", "creating loop in the provider tree is not allowed."),
        (under_u, str(uuid4()), "1.39", "parent provider UUID does not exist"),
        (under_v, None, "1.36", "un-parenting a provider is not currently allowed"),
    ):
        assert text in detail("PUT", path, version, name="b", parent_provider_uuid=parent)
    answer = client("DELETE", f"/resource_providers/{uuid4()}")
    assert "found for delete" in error_of(answer)["detail"]


def test_aggregates_of_no_provider_are_404_whatever_the_body(client: Client) -> None:
    path = f"/resource_providers/{U}/aggregates"
    assert client("PUT", path, {"aggregates": 1}).status_int == 404
    client.provider(U)
    assert client("PUT", path, {"aggregates": 1}).status_int == 400
    body = {"aggregates": [V, U], "resource_provider_generation": 0}
    assert client("PUT", path, body).json["aggregates"] == [V, U]


def test_mappings_must_not_be_empty(client: Client) -> None:
    client.provider(U, VCPU=8)
    body = {**claim_body({U: {"VCPU": 1}}), "mappings": {}}
    assert client("PUT", f"/allocations/{uuid4()}", body).status_int == 400


def test_version_with_a_zero_is_well_formed_and_not_offered(client: Client) -> None:
    answer = client("GET", "/", version="0.5", headers={"Accept": "text/html"})
    assert (answer.status_int, answer.content_type) == (406, "text/html")
    assert "Unacceptable version header: 0.5" in answer.text


def test_empty_answers_have_no_type(client: Client) -> None:
    for answer in (
        client("POST", "/resource_providers", {"name": "a"}, version="1.19"),
        client("PUT", "/traits/CUSTOM_A"),
        client("PUT", "/traits/CUSTOM_A"),
    ):
        assert answer.body == b""
        assert "Content-Type" not in answer.headers


def test_content_length_must_be_a_number(client: Client) -> None:
    headers = {"Content-Length": "hi mom", "Content-Type": "application/json"}
    answer = client("POST", "/resource_providers", headers=headers)
    assert answer.status_int == 400
    assert error_of(answer)["detail"] == "content-length header must be an integer"


def test_options_is_a_method_where_foreign_sites_may_call(
    client: Client, tmp_path: Path, database: Database
) -> None:
    preflight = {"Origin": "http://site.example", "Access-Control-Request-Method": "GET"}
    assert client("OPTIONS", "/", headers=preflight).status_int == 405
    file = tmp_path / "cors.conf"
    file.write_text(
        "[placement_database]\nconnection = sqlite://\n[api]\nauth_strategy = noauth2\n"
        "[cors]\nallowed_origin = http://site.example\n"
    )
    conf: cfg.ConfigOpts = options.new()
    conf(["--config-file", str(file)], project="placement")
    answer = Client(make_application(conf, database))("OPTIONS", "/", headers=preflight)
    assert answer.status_int == 200
    assert answer.headers["Access-Control-Allow-Origin"] == "http://site.example"


def test_a_reader_may_ask_for_what_the_own_project_uses(client: Client) -> None:
    headers = {"X-Roles": "reader", "X-Project-Id": "mine"}
    for project, status in (("mine", 200), ("theirs", 403)):
        answer = client("GET", f"/usages?project_id={project}", token="user", headers=headers)
        assert answer.status_int == status


def test_texts_that_no_engine_stores_are_refused_or_unknown(
    conf: cfg.ConfigOpts, placement_database: Database
) -> None:
    """PostgreSQL takes no NUL, and MariaDB compares uuids with ASCII only."""
    standard.sync(placement_database)
    client = Client(make_application(conf, placement_database))
    client.provider(U, VCPU=8)
    for path in ("resource_providers", "traits", "resource_classes"):
        for name in ("a%00b", "%C3%A9", "%F0%9F%98%80"):
            assert client("GET", f"/{path}/{name}").status_int == 404, (path, name)
    assert client("POST", "/resource_providers", {"name": "a\x00b"}).status_int == 400
    assert client("POST", "/resource_providers", {"name": "\U0001f600"}).status_int == 200
    assert client("GET", "/resource_providers?name=a%00b").status_int == 400
    assert client.get("/resource_providers?name=%F0%9F%98%80")["resource_providers"]
    assert client.get("/traits?name=startswith:%C3%A9") == {"traits": []}
    assert client("GET", "/usages?project_id=%00").status_int == 400
    body = {**claim_body({U: {"VCPU": 1}}), "user_id": "\x00"}
    assert client("PUT", f"/allocations/{uuid4()}", body).status_int == 400
