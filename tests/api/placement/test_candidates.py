"""``/allocation_candidates``: grammar by version, answers, and the defects that must not come back."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from oslo_config import cfg

from groundwork.database import Database
from placement.api.app import make_application
from tests.api.placement.conftest import Client, claim_body, error_of

HOST = "11111111-1111-1111-1111-111111111111"
NUMA = "22222222-2222-2222-2222-222222222222"
NFS = "33333333-3333-3333-3333-333333333333"
OTHER = "44444444-4444-4444-4444-444444444444"
AGG = "55555555-5555-5555-5555-555555555555"
SHARES = "MISC_SHARES_VIA_AGGREGATE"


@pytest.fixture(autouse=True)
def world(client: Client) -> None:
    """A host with memory and a NUMA node with processors, shared disk, and a flat host."""
    client.provider(HOST, MEMORY_MB=100)
    client.provider(NUMA, parent=HOST, VCPU=8)
    client.provider(NFS, DISK_GB=1000)
    client.provider(OTHER, VCPU=8, MEMORY_MB=100, DISK_GB=50)
    client.set_aggregates(HOST, AGG)
    client.set_aggregates(NFS, AGG)
    client.set_traits(NFS, SHARES)
    client.set_traits(OTHER, "HW_CPU_X86_VMX")
    client.set_traits(NUMA, "HW_NUMA_ROOT")


def ask(client: Client, query: str, version: str = "1.39") -> Any:
    return client.get(f"/allocation_candidates?{query}", version=version)


def providers(answer: Any) -> list[list[str]]:
    """The sorted providers of each candidate, sorted."""
    return sorted(sorted(one["allocations"]) for one in answer["allocation_requests"])


def test_answer_grows_with_versions(client: Client) -> None:
    query = "resources=VCPU:1,MEMORY_MB:10"
    v10 = ask(client, query, "1.10")
    amounts = {"VCPU": 1, "MEMORY_MB": 10}
    assert v10["allocation_requests"] == [
        {"allocations": [{"resource_provider": {"uuid": OTHER}, "resources": amounts}]}
    ]
    full = {"capacity": 8, "used": 0}
    room = {"VCPU": full, "MEMORY_MB": {"capacity": 100, "used": 0}}
    assert v10["provider_summaries"] == {OTHER: {"resources": room}}
    v12 = ask(client, query, "1.12")
    assert v12["allocation_requests"] == [{"allocations": {OTHER: {"resources": amounts}}}]
    v17 = ask(client, query, "1.17")
    assert v17["provider_summaries"][OTHER] == {"resources": room, "traits": ["HW_CPU_X86_VMX"]}
    assert set(ask(client, query, "1.26")["provider_summaries"][OTHER]["resources"]) == set(room)
    v27 = ask(client, query, "1.27")
    assert set(v27["provider_summaries"][OTHER]["resources"]) == {"VCPU", "MEMORY_MB", "DISK_GB"}
    assert providers(ask(client, query, "1.28")) == [[OTHER]]
    v29 = ask(client, query, "1.29")
    assert providers(v29) == [[HOST, NUMA], [OTHER]]
    assert v29["provider_summaries"][NUMA] == {
        "resources": {"VCPU": full},
        "traits": ["HW_NUMA_ROOT"],
        "parent_provider_uuid": HOST,
        "root_provider_uuid": HOST,
    }
    assert "mappings" not in ask(client, query, "1.33")["allocation_requests"][0]
    v34 = ask(client, query, "1.34")
    assert sorted(sorted(one["mappings"][""]) for one in v34["allocation_requests"]) == [
        [HOST, NUMA],
        [OTHER],
    ]


def test_summaries_hold_whole_trees_since_1_29(client: Client) -> None:
    assert set(ask(client, "resources=VCPU:1", "1.28")["provider_summaries"]) == {NUMA, OTHER}
    assert set(ask(client, "resources=VCPU:1")["provider_summaries"]) == {HOST, NUMA, OTHER}


@pytest.mark.parametrize(
    ("query", "since", "expected"),
    [
        ("resources=VCPU:1&limit=1", 16, 1),
        ("resources=VCPU:1&required=HW_CPU_X86_VMX", 17, 1),
        (f"resources=VCPU:1&member_of={AGG}", 21, None),
        ("resources=VCPU:1&required=!HW_CPU_X86_VMX", 22, 1),
        (f"resources=VCPU:1&member_of={AGG}&member_of={AGG}", 24, None),
        ("resources1=VCPU:1", 25, 2),
        ("resources1=VCPU:1&resources2=DISK_GB:1&group_policy=none", 25, None),
        (f"resources=VCPU:1&in_tree={HOST}", 31, 1),
        (f"resources1=VCPU:1&in_tree1={HOST}", 31, 1),
        (f"resources=VCPU:1&member_of=!{AGG}", 32, 1),
        ("resources_CPU=VCPU:1", 33, 2),
        ("resources=VCPU:1&root_required=HW_CPU_X86_VMX", 35, 1),
        (
            f"resources1=VCPU:1&resources2=MEMORY_MB:1&group_policy=none&same_subtree=1,2&in_tree1={HOST}",
            36,
            1,
        ),
        ("resources=VCPU:1&required=in:HW_CPU_X86_VMX,HW_NUMA_ROOT", 39, 2),
    ],
)
def test_each_key_begins_with_its_version(
    client: Client, query: str, since: int, expected: int | None
) -> None:
    before = client("GET", f"/allocation_candidates?{query}", version=f"1.{since - 1}")
    assert before.status_int == 400, before.text
    answer = ask(client, query, f"1.{since}")
    if expected is not None:
        assert len(answer["allocation_requests"]) == expected


def test_repeated_keys(client: Client) -> None:
    repeated = "resources=VCPU:1&required=HW_CPU_X86_VMX&required=HW_NUMA_ROOT"
    assert providers(ask(client, repeated, "1.38")) == [[NUMA]]
    assert providers(ask(client, repeated, "1.39")) == []
    # Of most keys the last counts, of these two the first.
    assert len(providers(ask(client, "resources=VCPU:99&resources=VCPU:1&limit=5&limit=1"))) == 2
    both = "resources1=VCPU:1&resources2=MEMORY_MB:1&group_policy=isolate&group_policy=none"
    assert providers(ask(client, both)) == [[HOST, NUMA]]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("", "placement.query.missing_value"),
        ("limit=5", "placement.query.missing_value"),
        ("required1=HW_NUMA_ROOT&same_subtree=1", "placement.query.missing_value"),
        ("resources=VCPU:1&same_subtree=", "placement.query.bad_value"),
        ("resources1=VCPU:1&same_subtree=2", "placement.query.bad_value"),
        ("resources1=VCPU:1&same_subtree=1,", "placement.query.bad_value"),
        (
            "resources=VCPU:1&root_required=HW_NUMA_ROOT&root_required=COMPUTE_NODE",
            "placement.query.duplicate_key",
        ),
        (
            "resources=VCPU:1&root_required=COMPUTE_NODE,!COMPUTE_NODE",
            "placement.query.bad_value",
        ),
        ("resources=VCPU:1&root_required=in:HW_NUMA_ROOT", None),
        ("resources=VCPU:0", None),
        ("resources=VCPU", None),
        ("resources=CUSTOM_NONE:1", None),
        ("resources=VCPU:1&required=CUSTOM_NONE", None),
        ("resources=VCPU:1&root_required=CUSTOM_NONE", None),
        ("resources=VCPU:1&required=", None),
        ("resources=VCPU:1&required=COMPUTE_NODE,!COMPUTE_NODE", None),
        ("resources=VCPU:1&limit=0", None),
        ("resources=VCPU:1&limit=-1", None),
        ("resources=VCPU:1&limit=a", None),
        ("resources=VCPU:1&in_tree=nope", None),
        ("resources=VCPU:1&member_of=nope", None),
        (f"resources=VCPU:1&member_of={AGG},{AGG}", None),
        ("resources1=VCPU:1&resources2=VCPU:1", None),
        ("resources1=VCPU:1&resources2=VCPU:1&group_policy=both", None),
        ("resources=VCPU:1&required1=COMPUTE_NODE", "placement.query.bad_value"),
        ("resources1=VCPU:1&required=COMPUTE_NODE", None),
        ("resources=VCPU:1&color=red", None),
        ("resources" + "x" * 65 + "=VCPU:1", None),
        ("resources.=VCPU:1", None),
    ],
)
def test_bad_queries(client: Client, query: str, code: str | None) -> None:
    error = error_of(client("GET", f"/allocation_candidates?{query}"))
    assert (error["status"], error["code"]) == (400, code or "placement.undefined_code")


def test_blanks_around_values_are_no_harm(client: Client) -> None:
    """Folded lines in scripts and YAML leave them behind."""
    query = (
        "resources1=VCPU:1%20&required1=HW_NUMA_ROOT%20&resources2=MEMORY_MB:1&group_policy=none"
        f"&same_subtree=1,2%20&member_of2={AGG}%20"
    )
    assert providers(ask(client, query)) == [[HOST, NUMA]]


@pytest.mark.parametrize(
    ("query", "minor", "text"),
    [
        ("limit=1", 16, "'resources' is a required property"),
        ("group_policy=none", 25, "At least one request group (`resources` or `resources{$S}`)"),
        ("required=A&required1=B", 25, "orphaned traits keys: required, required1"),
        (f"member_of1={AGG}", 25, "orphaned member_of keys: member_of1"),
        (f"resources=VCPU:1&in_tree1={HOST}", 31, "All request groups must specify resources."),
        (f"resources=VCPU:1&in_tree1={HOST}", 36, "should be specified in `same_subtree`"),
        ("resources=VCPU:1&same_subtree=1", 36, "Real suffixes should be specified"),
        ("resources=VCPU:1&required=in:A,B", 38, "only supported since microversion 1.39"),
        ("resources=VCPU:1&limit=x", 39, "Failed validating 'pattern' in schema"),
        ("resources1.=VCPU:1", 39, "does not match any of the regexes"),
        ("resources=VCPU:x", 39, "Requested resource VCPU expected positive integer amount."),
        ("resources=", 39, "Got: empty string."),
    ],
)
def test_refusals_say_what_would_be_right(
    client: Client, query: str, minor: int, text: str
) -> None:
    answer = client("GET", f"/allocation_candidates?{query}", version=f"1.{minor}")
    assert text in error_of(answer)["detail"]


@pytest.mark.parametrize("query", ["resources01=VCPU:1", "resources0=VCPU:1", "resourcesX=VCPU:1"])
def test_suffixes_are_numbers_at_first(client: Client, query: str) -> None:
    assert client("GET", f"/allocation_candidates?{query}", version="1.32").status_int == 400
    assert client("GET", f"/allocation_candidates?{query}", version="1.33").status_int == 200


def test_unknown_aggregate_or_tree_is_an_empty_answer(client: Client) -> None:
    for key in ("member_of", "in_tree"):
        answer = ask(client, f"resources=VCPU:1&{key}={uuid4()}")
        assert answer == {"allocation_requests": [], "provider_summaries": {}}


def test_candidate_put_back_unchanged_is_a_claim(client: Client) -> None:
    query = "resources=VCPU:8,MEMORY_MB:10&resources_D=DISK_GB:5"
    found = ask(client, query)
    assert providers(found) == [[HOST, NUMA, NFS], [OTHER]]
    for chosen in found["allocation_requests"]:
        body = {**claim_body({}), **chosen}
        assert client("PUT", f"/allocations/{uuid4()}", body).status_int == 204
    assert ask(client, query)["allocation_requests"] == []
    summary = ask(client, "resources=MEMORY_MB:1")["provider_summaries"]
    assert summary[HOST]["resources"]["MEMORY_MB"] == {"capacity": 100, "used": 10}


def test_every_host_behind_shared_disk_is_a_candidate(client: Client) -> None:
    hosts = []
    for _ in range(3):
        hosts.append(client.provider(str(uuid4()), VCPU=8, MEMORY_MB=64))
        client.set_aggregates(hosts[-1], AGG)
    found = providers(ask(client, "resources=DISK_GB:40&resources1=VCPU:4,MEMORY_MB:8"))
    assert found == sorted([*(sorted([host, NFS]) for host in hosts), [OTHER]])


def test_amount_beyond_everything_is_an_empty_answer(client: Client) -> None:
    for query in ("resources=VCPU:99999999999999999999", "resources1=VCPU:99999999999999999999"):
        assert ask(client, query)["allocation_requests"] == []
    assert len(ask(client, "resources=VCPU:1&limit=" + "9" * 30)["allocation_requests"]) == 2


def test_search_after_a_provider_is_gone(client: Client) -> None:
    """The reference was seen to answer 500."""
    assert client("DELETE", f"/resource_providers/{OTHER}").status_int == 204
    assert providers(ask(client, "resources=VCPU:1")) == [[NUMA]]
    assert client("DELETE", f"/resource_providers/{NUMA}").status_int == 204
    assert providers(ask(client, "resources=VCPU:1")) == []


def test_equal_requests_get_equal_answers(client: Client) -> None:
    first = ask(client, "resources=VCPU:1,MEMORY_MB:1,DISK_GB:1")
    assert all(ask(client, "resources=VCPU:1,MEMORY_MB:1,DISK_GB:1") == first for _ in range(3))


def test_options_of_the_search_are_honoured(
    client: Client, conf: cfg.ConfigOpts, database: Database
) -> None:
    for number in range(20):
        client.provider(str(uuid4()), VCPU=8 + number)
    conf.set_override("max_allocation_candidates", 7, group="placement")
    bound = Client(make_application(conf, database))
    assert len(ask(bound, "resources=VCPU:1")["allocation_requests"]) == 7
    assert len(ask(bound, "resources=VCPU:1&limit=3")["allocation_requests"]) == 3
    conf.set_override("randomize_allocation_candidates", True, group="placement")
    shuffled = Client(make_application(conf, database))
    drawn = {str(providers(ask(shuffled, "resources=VCPU:1&limit=3"))) for _ in range(10)}
    assert len(drawn) > 1
