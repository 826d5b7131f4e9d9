"""The Placement client: questions for candidates, and what all calls have in common."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest

from groundwork.context import RequestContext
from groundwork.errors import Conflict, Invalid, NotFound, Unavailable
from nova.clients.candidates import CandidateQuery, RequestGroup, Room
from tests.unit.clients.placement_facts import P1, P2, SERVER, error
from tests.unit.clients.services import URL

# Candidates.


def test_query_is_in_the_grammar_of_1_39():
    query = CandidateQuery(
        groups=(
            RequestGroup(
                resources={"VCPU": 2, "MEMORY_MB": 512},
                required=("A", "B"),
                forbidden=("C",),
                any_of=(("D", "E"), ("F",)),
                member_of=(("a1", "a2"), ("a3",)),
                not_member_of=("a4",),
                in_tree=P1,
            ),
            RequestGroup(suffix="_nic", resources={"SRIOV_NET_VF": 1}),
            RequestGroup(suffix="_gpu", resources={"VGPU": 1}, required=("G",)),
        ),
        limit=10,
        root_required=("COMPUTE_NODE",),
        root_forbidden=("COMPUTE_STATUS_DISABLED",),
        same_subtree=(("_nic", "_gpu"),),
    )
    assert query.parameters() == [
        ("resources", "MEMORY_MB:512,VCPU:2"),
        ("required", "A,B,!C"),
        ("required", "in:D,E"),
        ("required", "in:F"),
        ("member_of", "in:a1,a2"),
        ("member_of", "in:a3"),
        ("member_of", "!in:a4"),
        ("in_tree", P1),
        ("resources_nic", "SRIOV_NET_VF:1"),
        ("resources_gpu", "VGPU:1"),
        ("required_gpu", "G"),
        ("group_policy", "none"),
        ("root_required", "COMPUTE_NODE,!COMPUTE_STATUS_DISABLED"),
        ("same_subtree", "_nic,_gpu"),
        ("limit", "10"),
    ]


def test_isolated_groups_say_so_and_one_group_needs_no_policy():
    one = RequestGroup(suffix="1", resources={"VCPU": 1})
    two = RequestGroup(suffix="2", resources={"VCPU": 1})
    assert ("group_policy", "isolate") in CandidateQuery((one, two), isolate=True).parameters()
    assert "group_policy" not in dict(CandidateQuery((one,), isolate=True).parameters())


def test_candidates_are_read_as_documented(web, mocked):
    web.get(
        f"{URL}/allocation_candidates",
        json={
            "allocation_requests": [
                {
                    "allocations": {
                        P1: {"resources": {"VCPU": 1, "MEMORY_MB": 64}},
                        P2: {"resources": {"DISK_GB": 5}},
                    },
                    "mappings": {"": [P1, P2]},
                }
            ],
            "provider_summaries": {
                P1: {
                    "resources": {"VCPU": {"capacity": 128, "used": 3}},
                    "traits": ["COMPUTE_NODE"],
                    "parent_provider_uuid": None,
                    "root_provider_uuid": P1,
                }
            },
        },
    )
    query = CandidateQuery((RequestGroup(resources={"VCPU": 1}),), limit=7)
    found = mocked.candidates(query)

    assert found.requests[0].allocations == {P1: {"VCPU": 1, "MEMORY_MB": 64}, P2: {"DISK_GB": 5}}
    assert found.requests[0].mappings == {"": (P1, P2)}
    summary = found.summaries[P1]
    assert summary.resources == {"VCPU": Room(capacity=128, used=3)}
    assert (summary.uuid, summary.parent, summary.root) == (P1, None, P1)
    assert summary.traits == {"COMPUTE_NODE"}
    sent = web.last_request
    assert parse_qsl(urlsplit(sent.url).query) == [("resources", "VCPU:1"), ("limit", "7")]
    assert sent.headers["OpenStack-API-Version"] == "placement 1.39"


def test_answer_of_another_shape_is_unavailable(web, mocked):
    web.get(f"{URL}/allocation_candidates", json={"allocation_requests": [3]})
    with pytest.raises(Unavailable):
        mocked.candidates(CandidateQuery((RequestGroup(resources={"VCPU": 1}),)))


# Refusals.


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (error(400), Invalid),
        (error(401), Unavailable),
        (error(403), Unavailable),
        (error(404), NotFound),
        (error(406), Unavailable),
        (error(409), Conflict),
        (error(500), Unavailable),
        ({"status_code": 502, "text": "<html>Bad gateway</html>"}, Unavailable),
        ({"status_code": 400, "json": {"errors": {}}}, Invalid),
        ({"status_code": 400, "json": ["?"]}, Invalid),
    ],
)
def test_refusal_becomes_a_kind_and_its_detail_stays_inside(web, mocked, answer, kind):
    web.get(f"{URL}/resource_providers/{P1}/traits", **answer)
    with pytest.raises(kind) as caught:
        mocked.traits(P1)
    assert type(caught.value) is kind
    assert "why" not in str(caught.value)
    assert P1 in caught.value.internal


def test_request_id_goes_along(web, mocked):
    web.get(f"{URL}/allocations/{SERVER}", json={"allocations": {}})
    context = RequestContext(overwrite=False)
    mocked.acting_for(context).allocation(SERVER)
    assert web.last_request.headers["X-OpenStack-Request-ID"] == context.request_id
