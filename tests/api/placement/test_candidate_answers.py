"""Answers that are put together from ready pieces keep to their schema, and follow every change of what they show."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from groundwork.validation import Validators
from groundwork.versions import Version
from placement.api.candidates import schemas
from tests.api.placement.conftest import Client, claim_body, error_of

SHARES = "MISC_SHARES_VIA_AGGREGATE"
AGG = str(uuid4())


@pytest.fixture
def hosts(client: Client) -> list[str]:
    """Three hosts with two NUMA nodes each, and disk that two of them share."""
    nfs = client.provider(str(uuid4()), DISK_GB=1000)
    client.set_aggregates(nfs, AGG)
    assert client("PUT", "/traits/CUSTOM_NFS").status_int == 201
    client.set_traits(nfs, SHARES, "CUSTOM_NFS")
    made = []
    for number in range(3):
        made.append(client.provider(str(uuid4()), MEMORY_MB=100))
        for _ in range(2):
            client.provider(str(uuid4()), parent=made[-1], VCPU=4)
        if number:
            client.set_aggregates(made[-1], AGG)
    return made


QUERIES = [
    "resources=VCPU:1",
    "resources=VCPU:1,MEMORY_MB:5",
    "resources=VCPU:1,MEMORY_MB:5,DISK_GB:7",
    "resources=DISK_GB:7",
    "resources=VCPU:99",
]
GRANULAR = "resources=MEMORY_MB:5&resources1=VCPU:2&resources2=VCPU:1&group_policy=isolate"


@pytest.mark.parametrize("minor", [10, 12, 17, 25, 27, 29, 34, 39])
def test_answers_keep_to_the_schema_of_each_version(
    client: Client, hosts: list[str], minor: int
) -> None:
    validator = Validators().of(schemas.FOUND.at(Version(1, minor)))
    for query in [*QUERIES, *([GRANULAR] if minor >= 25 else [])]:
        answer = client.get(f"/allocation_candidates?{query}", version=f"1.{minor}")
        assert validator.complaint(answer) is None, (query, answer)
        for request in answer["allocation_requests"]:
            assert set(used_by(request)) <= answer["provider_summaries"].keys()


def used_by(request: Any) -> list[str]:
    shares = request["allocations"]
    if isinstance(shares, list):
        return [share["resource_provider"]["uuid"] for share in shares]
    return list(shares)


def test_summaries_follow_every_change(client: Client, hosts: list[str]) -> None:
    host, query = hosts[0], "/allocation_candidates?resources=MEMORY_MB:1"

    def shown() -> Any:
        return client.get(query)["provider_summaries"][host]

    assert shown() == {
        "resources": {"MEMORY_MB": {"capacity": 100, "used": 0}},
        "traits": [],
        "parent_provider_uuid": None,
        "root_provider_uuid": host,
    }
    consumer = str(uuid4())
    body = claim_body({host: {"MEMORY_MB": 7}})
    assert client("PUT", f"/allocations/{consumer}", body).status_int == 204
    assert shown()["resources"]["MEMORY_MB"]["used"] == 7
    client.set_traits(host, "HW_CPU_X86_VMX", "COMPUTE_NODE")
    assert shown()["traits"] == ["COMPUTE_NODE", "HW_CPU_X86_VMX"]
    assert client("DELETE", f"/allocations/{consumer}").status_int == 204
    assert shown()["resources"]["MEMORY_MB"]["used"] == 0
    change = {"name": "moved", "parent_provider_uuid": hosts[1]}
    assert client("PUT", f"/resource_providers/{host}", change).status_int == 200
    assert shown()["parent_provider_uuid"] == shown()["root_provider_uuid"] == hosts[1]
    assert len(client.get(query)["provider_summaries"]) == 6 + 3


def test_shared_disk_brings_the_tree_that_it_is_in(client: Client, hosts: list[str]) -> None:
    answer = client.get("/allocation_candidates?resources=VCPU:1,DISK_GB:5")
    assert len(answer["allocation_requests"]) == 4
    assert len(answer["provider_summaries"]) == 2 * 3 + 1
    only_disk = client.get("/allocation_candidates?resources=DISK_GB:5")
    assert len(only_disk["allocation_requests"]) == len(only_disk["provider_summaries"]) == 1


def test_explanation_tells_what_is_in_the_way(client: Client, hosts: list[str]) -> None:
    path = "/allocation_candidates/explain?resources=MEMORY_MB:5&resources1=VCPU:6"
    found = client.get(path)
    assert (found["providers"], found["trees"], found["candidate_trees"]) == (10, 4, 0)
    assert found["constraints"] == [
        {
            "key": "resources",
            "value": "MEMORY_MB:5",
            "alone": {"providers": 7, "trees": 1},
            "in_order": {"providers": 7, "trees": 1},
            "trees_left": 3,
        },
        {
            "key": "resources1",
            "value": "VCPU:6",
            "alone": {"providers": 10, "trees": 4},
            "in_order": {"providers": 10, "trees": 3},
            "trees_left": 0,
        },
        {
            "key": "resources",
            "value": "all groups together",
            "alone": {"providers": None, "trees": 0},
            "in_order": {"providers": None, "trees": 0},
            "trees_left": 0,
        },
    ]
    assert found["changes"] == [
        {"key": "resources1", "value": "VCPU:6", "to": "VCPU:4", "candidate_trees": 3}
    ]
    fine = client.get(path.replace("VCPU:6", "VCPU:4"))
    assert (fine["candidate_trees"], fine["changes"]) == (3, [])


def test_explanation_names_the_trees_that_each_constraint_removes(
    client: Client, hosts: list[str]
) -> None:
    path = "/allocation_candidates/explain?resources=MEMORY_MB:5&resources1=VCPU:6"
    without = client.get(path)
    found = client.get(f"{path}&removed_roots=true")
    removed = [constraint.pop("removed_roots") for constraint in found["constraints"]]
    assert found.pop("candidate_roots") == []
    assert found == without == client.get(f"{path}&removed_roots=false")
    assert [len(roots) for roots in removed] == [
        constraint["in_order"]["trees"] for constraint in found["constraints"]
    ]
    every = [root for roots in removed for root in roots]
    assert len(every) == len(set(every)) == found["trees"]
    fine = client.get(f"{path}&removed_roots=true".replace("VCPU:6", "VCPU:4"))
    assert len(fine["candidate_roots"]) == fine["candidate_trees"] == 3
    assert client("GET", f"{path}&removed_roots=perhaps").status_int == 400
    assert (
        client("GET", "/allocation_candidates?resources=VCPU:1&removed_roots=true").status_int
        == 400
    )


def test_explanation_tells_of_names_that_nobody_has(client: Client, hosts: list[str]) -> None:
    path = "/allocation_candidates/explain?resources=VCPU:1"
    for more in (",CUSTOM_NEVER:1", "&required=CUSTOM_NEVER", "&required=!CUSTOM_NEVER"):
        assert client("GET", f"{path}{more}&unknown_names=refused").status_int == 400
    trait = client.get(f"{path}&required=CUSTOM_NEVER&unknown_names=explained")
    assert trait["constraints"][-2]["key"] == "required"
    assert trait["constraints"][-2]["alone"]["trees"] == trait["trees"]
    assert ("CUSTOM_NEVER", None) in [(each["value"], each["to"]) for each in trait["changes"]]
    named = client.get(f"{path},CUSTOM_NEVER:1&unknown_names=explained")
    assert [each["value"] for each in named["changes"]] == ["CUSTOM_NEVER:1"]
    # What must not be there has to exist, as nothing could tell a slip of the pen otherwise.
    assert client("GET", f"{path}&required=!CUSTOM_NEVER&unknown_names=explained").status_int == 400


def test_explanation_is_guarded_and_versioned_like_candidates(client: Client) -> None:
    path = "/allocation_candidates/explain?resources=VCPU:1"
    assert client("GET", path, version="1.38").status_int == 404
    assert client("GET", path, token="someone:project").status_int == 403
    assert error_of(client("GET", "/allocation_candidates/explain?limit=1"))["status"] == 400
    assert client("GET", "/allocation_candidates/explain?resources=NONE:1").status_int == 400
    assert client.get(path)["candidate_trees"] == 0
