"""``/allocations``, usages and the reshaper."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from oslo_config import cfg

from groundwork.database import Database
from placement.api.app import make_application
from tests.api.placement.conftest import Client, claim_body, error_of

U = "11111111-1111-1111-1111-111111111111"
V = "22222222-2222-2222-2222-222222222222"
C = "33333333-3333-3333-3333-333333333333"
PATH = f"/allocations/{C}"
NOBODY = "00000000-0000-0000-0000-000000000000"
SHARE = {U: {"resources": {"VCPU": 2}}}
LIST = [{"resource_provider": {"uuid": U}, "resources": {"VCPU": 2}}]
OWNER = {"project_id": "p", "user_id": "u"}


@pytest.fixture(autouse=True)
def providers(client: Client) -> None:
    client.provider(U, VCPU=8, MEMORY_MB=100)
    client.provider(V, VCPU=4)


BODIES: dict[int, dict[str, Any]] = {
    0: {"allocations": LIST},
    8: {"allocations": LIST, **OWNER},
    12: {"allocations": SHARE, **OWNER},
    28: {"allocations": SHARE, **OWNER, "consumer_generation": None},
    34: {
        "allocations": SHARE,
        **OWNER,
        "consumer_generation": None,
        "mappings": {"": [U], "_A": [V]},
    },
    38: {"allocations": SHARE, **OWNER, "consumer_generation": None, "consumer_type": "INSTANCE"},
}


@pytest.mark.parametrize("minor", range(40))
def test_each_version_takes_its_own_body(client: Client, minor: int) -> None:
    own = max(since for since in BODIES if since <= minor)
    for since, body in BODIES.items():
        # 34 adds an optional key, so the body of 28 is one of 34 too.
        fits = since == own or (own == 34 and since == 28)
        answer = client("PUT", PATH, body, version=f"1.{minor}")
        assert answer.status_int == (204 if fits else 400), (since, answer.text)
        if fits:
            assert client("DELETE", PATH).status_int == 204


def test_what_is_shown_grows_with_versions(client: Client) -> None:
    client("PUT", PATH, claim_body({U: {"VCPU": 2}}))
    generation = client.generation(U)
    share = {U: {"resources": {"VCPU": 2}, "generation": generation}}
    owner = {"project_id": "project", "user_id": "user"}
    for minor, body in (
        (0, {"allocations": share}),
        (12, {"allocations": share, **owner}),
        (28, {"allocations": share, **owner, "consumer_generation": 1}),
        (
            38,
            {
                "allocations": share,
                **owner,
                "consumer_generation": 1,
                "consumer_type": "INSTANCE",
            },
        ),
    ):
        assert client.get(PATH, version=f"1.{minor}") == body
    assert client.get(f"/allocations/{uuid4()}") == {"allocations": {}}
    assert client.get("/allocations/nope") == {"allocations": {}}
    held = client.get(f"/resource_providers/{U}/allocations")
    assert held == {
        "allocations": {C: {"resources": {"VCPU": 2}, "consumer_generation": 1}},
        "resource_provider_generation": generation,
    }
    held = client.get(f"/resource_providers/{U}/allocations", version="1.27")
    assert held["allocations"] == {C: {"resources": {"VCPU": 2}}}
    assert client("GET", f"/resource_providers/{uuid4()}/allocations").status_int == 404


def test_old_clients_claim_for_the_placeholder_owner(client: Client) -> None:
    assert client("PUT", PATH, BODIES[0], version="1.7").status_int == 204
    shown = client.get(PATH)
    assert (shown["project_id"], shown["user_id"]) == (NOBODY, NOBODY)
    assert shown["consumer_type"] == "unknown"


def test_consumer_generations(client: Client) -> None:
    def put(generation: int | None, amount: int = 1) -> Any:
        return client("PUT", PATH, claim_body({U: {"VCPU": amount}}, generation))

    for wrong in (0, 1):
        assert error_of(put(wrong))["code"] == "placement.concurrent_update"
    assert put(None).status_int == 204
    for wrong in (None, 0, 2):
        assert error_of(put(wrong))["code"] == "placement.concurrent_update"
    assert put(1).status_int == 204
    assert put(2, 3).status_int == 204
    assert client("PUT", PATH, claim_body({}, 3)).status_int == 204
    assert client.get(PATH) == {"allocations": {}}
    assert put(3).status_int == 409
    assert put(None).status_int == 204


@pytest.mark.parametrize(
    ("shares", "status"),
    [
        ({U: {"VCPU": 9}}, 409),
        ({U: {"DISK_GB": 1}}, 409),
        ({U: {"CUSTOM_NONE": 1}}, 400),
        ({str(uuid4()): {"VCPU": 1}}, 400),
        ({U: {"VCPU": 0}}, 400),
        ({U: {"VCPU": "1"}}, 400),
        ({U: {}}, 400),
        ({"nope": {"VCPU": 1}}, 400),
        ({"-" * 36: {"VCPU": 1}}, 400),
        ({U: {"VCPU": 99999999999999999999}}, 409),
        ({U: {"VCPU": 8}, V: {"VCPU": 5}}, 409),
    ],
)
def test_claims_that_cannot_be(client: Client, shares: dict[str, Any], status: int) -> None:
    before = client.generation(U)
    answer = client("PUT", PATH, claim_body(shares))
    assert answer.status_int == status, answer.text
    if status == 409:
        assert error_of(answer)["code"] == "placement.undefined_code"
    assert client.get(PATH) == {"allocations": {}}
    assert client.generation(U) == before


def test_consumer_must_be_a_uuid(client: Client) -> None:
    assert client("PUT", "/allocations/nope", claim_body({U: {"VCPU": 1}})).status_int == 400
    assert client("DELETE", "/allocations/nope").status_int == 404
    body = claim_body({U: {"VCPU": 1}})
    assert client("POST", "/allocations", {"nope": body}).status_int == 400


def test_emptying_is_for_1_28_and_newer_but_was_in_post_from_the_start(client: Client) -> None:
    body = {"allocations": {}, **OWNER}
    assert client("PUT", PATH, body, version="1.27").status_int == 400
    client("PUT", PATH, BODIES[12], version="1.12")
    before = client.generation(U)
    assert client("POST", "/allocations", {C: body}, version="1.13").status_int == 204
    assert client.get(PATH) == {"allocations": {}}
    assert client.generation(U) == before + 1
    assert client("DELETE", PATH).status_int == 404


def test_several_consumers_all_or_none(client: Client) -> None:
    other = str(uuid4())
    too_much = {C: claim_body({U: {"VCPU": 5}}), other: claim_body({U: {"VCPU": 4}})}
    assert client("POST", "/allocations", too_much).status_int == 409
    assert client.get(PATH) == {"allocations": {}}
    fits = {C: claim_body({U: {"VCPU": 5}}), other: claim_body({V: {"VCPU": 4}})}
    assert client("POST", "/allocations", fits).status_int == 204
    swap = {C: claim_body({V: {"VCPU": 4}}, 1), other: claim_body({U: {"VCPU": 8}}, 1)}
    assert client("POST", "/allocations", swap).status_int == 204
    assert client.get(f"/resource_providers/{U}/usages")["usages"] == {"VCPU": 8, "MEMORY_MB": 0}
    assert client("POST", "/allocations", {}).status_int == 400


def test_usages_of_projects_by_version(client: Client) -> None:
    client("PUT", PATH, {**claim_body({U: {"VCPU": 2}}), **OWNER})
    other = {**claim_body({U: {"VCPU": 3}}), "project_id": "p", "user_id": "u2"}
    client("PUT", f"/allocations/{uuid4()}", {**other, "consumer_type": "MIGRATION"})
    assert client.get("/usages?project_id=p", version="1.9") == {"usages": {"VCPU": 5}}
    assert client.get("/usages?project_id=p&user_id=u2", version="1.37") == {"usages": {"VCPU": 3}}
    assert client.get("/usages?project_id=none", version="1.9") == {"usages": {}}
    grouped = {
        "INSTANCE": {"VCPU": 2, "consumer_count": 1},
        "MIGRATION": {"VCPU": 3, "consumer_count": 1},
    }
    assert client.get("/usages?project_id=p") == {"usages": grouped}
    one = client.get("/usages?project_id=p&consumer_type=MIGRATION")
    assert one == {"usages": {"MIGRATION": grouped["MIGRATION"]}}
    total = client.get("/usages?project_id=p&consumer_type=all")
    assert total == {"usages": {"all": {"VCPU": 5, "consumer_count": 2}}}
    assert client.get("/usages?project_id=p&consumer_type=unknown") == {"usages": {}}
    for bad in ("", "project_id=", "user_id=u", "project_id=p&consumer_type=x"):
        assert client("GET", f"/usages?{bad}").status_int == 400
    assert client("GET", "/usages?project_id=p&consumer_type=all", version="1.37").status_int == 400


def test_readers_see_the_usage_of_their_own_project(client: Client) -> None:
    reader = {"X-Roles": "reader"}
    mine = "/usages?project_id=mine"
    assert client("GET", mine, token="u:mine", headers=reader).status_int == 200
    assert client("GET", mine, token="u:theirs", headers=reader).status_int == 403
    assert client("GET", mine, token="u:mine").status_int == 403


def test_placeholder_owner_is_an_option(
    client: Client, conf: cfg.ConfigOpts, database: Database
) -> None:
    conf.set_override("incomplete_consumer_project_id", "nobodys", group="placement")
    Client(make_application(conf, database))("PUT", PATH, BODIES[0], version="1.7")
    assert client.get(PATH)["project_id"] == "nobodys"


def test_reshape_moves_inventory_and_use(client: Client) -> None:
    client("PUT", PATH, claim_body({U: {"VCPU": 2, "MEMORY_MB": 10}}))
    generation = client.generation(U)
    body = {
        "inventories": {
            U: {
                "resource_provider_generation": generation,
                "inventories": {"MEMORY_MB": {"total": 100}},
            },
            V: {
                "resource_provider_generation": client.generation(V),
                "inventories": {"VCPU": {"total": 8}},
            },
        },
        "allocations": {C: claim_body({U: {"MEMORY_MB": 10}, V: {"VCPU": 2}}, 1)},
    }
    stale = {**body, "allocations": {C: claim_body({U: {"MEMORY_MB": 10}}, 7)}}
    assert error_of(client("POST", "/reshaper", stale))["code"] == "placement.concurrent_update"
    left = error_of(client("POST", "/reshaper", {**body, "allocations": {}}))
    assert (left["status"], left["code"]) == (409, "placement.inventory.inuse")
    assert client("POST", "/reshaper", body).status_int == 204
    # Inventory twice and allocations once, as clients of the reference count.
    assert client.generation(U) == generation + 3
    assert set(client.get(PATH)["allocations"]) == {U, V}
    assert error_of(client("POST", "/reshaper", body))["code"] == "placement.concurrent_update"
    unknown = {"inventories": {str(uuid4()): body["inventories"][V]}, "allocations": {}}
    error = error_of(client("POST", "/reshaper", unknown))
    assert (error["status"], error["code"]) == (400, "placement.resource_provider.not_found")
    for bad in ({}, {"inventories": {}, "allocations": {}}, {"inventories": body["inventories"]}):
        assert client("POST", "/reshaper", bad).status_int == 400


def test_usages_of_an_unknown_provider(client: Client) -> None:
    assert client("GET", f"/resource_providers/{uuid4()}/usages").status_int == 404
