"""The Placement client: against documented answers, and against a faithful fake."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit
from uuid import uuid4

import pytest
import requests
import requests_mock

from groundwork.context import RequestContext
from groundwork.errors import Conflict, Invalid, NotFound, Unavailable
from nova.clients.candidates import CandidateQuery, RequestGroup, Room
from nova.clients.placement import Placement
from nova.clients.placement_calls import ATTEMPTS
from nova.clients.placement_errors import ConcurrentUpdate, InUse, NoRoom
from nova.clients.providers import Allocation, Inventory, Provider, parents_first
from tests.fakes.placement import FakePlacement
from tests.unit.clients.services import URL, make_service

P1, P2, AGG = (f"00000000-0000-4000-8000-00000000000{n}" for n in (1, 2, 3))
SERVER = "11111111-0000-4000-8000-000000000000"
OWNER = {"project_id": "p", "user_id": "u"}


@pytest.fixture
def web():
    with requests_mock.Mocker() as mocker:
        yield mocker


@pytest.fixture
def mocked(web):
    return Placement(make_service(), sleep=lambda delay_s: None)


@pytest.fixture
def fake():
    return FakePlacement()


@pytest.fixture
def placement(fake):
    return Placement(make_service(application=fake), sleep=lambda delay_s: None)


@pytest.fixture
def host(placement):
    placement.create_provider(P1, "host")
    placement.put_inventories(
        P1, {"VCPU": Inventory(8), "MEMORY_MB": Inventory(1024)}, generation=0
    )
    return P1


def error(status: int, code: str = "placement.undefined_code") -> dict:
    return {
        "status_code": status,
        "json": {"errors": [{"status": status, "title": "", "detail": "why", "code": code}]},
    }


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


# Claims.


def test_claim_sends_the_documented_body(web, mocked):
    put = web.put(f"{URL}/allocations/{SERVER}", status_code=204)
    mocked.claim(SERVER, {P1: {"VCPU": 1}}, **OWNER, mappings={"": [P1]})
    assert put.last_request.json() == {
        "allocations": {P1: {"resources": {"VCPU": 1}}},
        "project_id": "p",
        "user_id": "u",
        "consumer_generation": None,
        "consumer_type": "INSTANCE",
        "mappings": {"": [P1]},
    }


def test_claim_then_read_then_delete_twice(placement, host, fake):
    assert placement.allocation(SERVER) is None
    placement.claim(SERVER, {host: {"VCPU": 2}}, **OWNER)
    held = placement.allocation(SERVER)
    assert held == Allocation(SERVER, {host: {"VCPU": 2}}, "p", "u", 1, "INSTANCE")
    placement.delete_allocation(SERVER)
    placement.delete_allocation(SERVER)
    assert placement.allocation(SERVER) is None
    assert fake.consumers == {}


def test_claim_without_room_takes_nothing(placement, host, fake):
    with pytest.raises(NoRoom):
        placement.claim(SERVER, {host: {"VCPU": 9}}, **OWNER)
    assert fake.consumers == {}


def test_claim_repeated_is_success(placement, host):
    for _ in range(2):
        placement.claim(SERVER, {host: {"VCPU": 2}}, **OWNER)
    assert placement.allocation(SERVER).consumer_generation == 1


def test_claim_whose_answer_was_lost_is_success(fake, placement, host):
    """1. The claim is written. 2. The connection dies. 3. It is sent again, and the consumer is there already."""
    lost = []
    application = make_service(application=fake)

    def lose_the_answer(method: str, path: str) -> None:
        if method == "PUT" and path.startswith("/allocations") and not lost:
            lost.append(path)
            Placement(application).claim(SERVER, {host: {"VCPU": 2}}, **OWNER)
            raise requests.ConnectionError("reset by peer")

    fake.interfere = lose_the_answer
    placement.claim(SERVER, {host: {"VCPU": 2}}, **OWNER)
    assert lost
    assert placement.allocation(SERVER).resources == {host: {"VCPU": 2}}


def test_claim_of_a_consumer_that_holds_something_else_is_a_concurrent_update(
    placement, host, fake
):
    placement.claim(SERVER, {host: {"VCPU": 1}}, **OWNER)
    fake.requests.clear()
    with pytest.raises(ConcurrentUpdate):
        placement.claim(SERVER, {host: {"VCPU": 2}}, **OWNER)
    assert [method for method, _ in fake.requests] == ["PUT", "GET"], "trying again could not help"


def test_claim_replaces_at_the_right_generation(placement, host):
    placement.claim(SERVER, {host: {"VCPU": 1}}, **OWNER)
    placement.claim(SERVER, {host: {"VCPU": 2}}, **OWNER, consumer_generation=1)
    assert placement.allocation(SERVER).resources == {host: {"VCPU": 2}}


def test_claim_that_lost_a_race_for_the_provider_is_tried_again(web, mocked):
    put = web.put(
        f"{URL}/allocations/{SERVER}",
        [error(409, "placement.concurrent_update")] * 2 + [{"status_code": 204}],
    )
    web.get(f"{URL}/allocations/{SERVER}", json={"allocations": {}})
    mocked.claim(SERVER, {P1: {"VCPU": 1}}, **OWNER)
    assert put.call_count == 3


def test_claim_that_always_loses_gives_up(web, mocked):
    put = web.put(f"{URL}/allocations/{SERVER}", [error(409, "placement.concurrent_update")])
    web.get(f"{URL}/allocations/{SERVER}", json={"allocations": {}})
    with pytest.raises(ConcurrentUpdate):
        mocked.claim(SERVER, {P1: {"VCPU": 1}}, **OWNER)
    assert put.call_count == ATTEMPTS


def test_delete_of_an_expected_allocation_notices_a_change(placement, host):
    placement.claim(SERVER, {host: {"VCPU": 1}}, **OWNER)
    old = placement.allocation(SERVER)
    placement.claim(SERVER, {host: {"VCPU": 2}}, **OWNER, consumer_generation=1)
    with pytest.raises(ConcurrentUpdate):
        placement.delete_allocation(SERVER, expected=old)
    placement.delete_allocation(SERVER, expected=placement.allocation(SERVER))
    assert placement.allocation(SERVER) is None
    placement.delete_allocation(SERVER, expected=old)


def test_usages_by_type(placement, host):
    assert placement.usages("p") == {}
    placement.claim(SERVER, {host: {"VCPU": 1, "MEMORY_MB": 64}}, **OWNER)
    placement.claim(str(uuid4()), {host: {"VCPU": 2}}, **OWNER, consumer_type="MIGRATION")
    usages = placement.usages("p")
    assert usages["INSTANCE"].resources == {"VCPU": 1, "MEMORY_MB": 64}
    assert usages["MIGRATION"].consumers == 1
    assert placement.usages("p", "somebody else") == {} == placement.usages("q")


# Providers.


def test_count_providers(placement, host):
    placement.create_provider(P2, "other")
    assert placement.count_providers() == 2
    assert placement.count_providers(resources={"VCPU": 8}) == 1
    assert placement.count_providers(resources={"VCPU": 9}) == 0
    assert placement.count_providers(required=["COMPUTE_NODE"]) == 0
    placement.change_aggregates(P2, lambda present: present | {AGG})
    assert placement.count_providers(member_of=[[AGG]]) == 1
    with pytest.raises(Invalid):
        placement.count_providers(required=["NO_SUCH_TRAIT"])


def test_count_providers_asks_as_documented(web, mocked):
    web.get(f"{URL}/resource_providers", json={"resource_providers": [{}, {}]})
    count = mocked.count_providers(
        resources={"VCPU": 1}, required=["A"], member_of=[[AGG, P1], [P2]]
    )
    assert count == 2
    assert parse_qsl(urlsplit(web.last_request.url).query) == [
        ("resources", "VCPU:1"),
        ("required", "A"),
        ("member_of", f"in:{AGG},{P1}"),
        ("member_of", f"in:{P2}"),
    ]


def test_providers_and_who_holds_something_from_them(placement, host):
    placement.create_provider(P2, "other")
    placement.change_traits(P2, lambda present: present | {"COMPUTE_NODE"})
    assert {each.uuid for each in placement.providers()} == {P1, P2}
    assert [each.name for each in placement.providers(required=["COMPUTE_NODE"])] == ["other"]
    placement.claim(SERVER, {P1: {"VCPU": 2, "MEMORY_MB": 64}}, **OWNER)
    assert placement.held_from(P1) == {SERVER: {"VCPU": 2, "MEMORY_MB": 64}}
    assert placement.held_from(P2) == {}
    with pytest.raises(NotFound):
        placement.held_from(AGG)


def test_create_twice_is_one_provider(placement):
    made = placement.create_provider(P1, "host")
    assert placement.create_provider(P1, "host") == made == Provider(P1, "host", 0, None, P1)


def test_name_of_another_provider_is_a_conflict(placement):
    placement.create_provider(P1, "host")
    with pytest.raises(Conflict):
        placement.create_provider(P2, "host")
    with pytest.raises(Conflict):
        placement.create_provider(P1, "other name")


def test_tree_has_parents_first(placement):
    placement.create_provider(P1, "host")
    placement.create_provider(P2, "numa", parent=P1)
    assert [p.uuid for p in placement.tree(P2)] == [P1, P2]
    assert placement.tree(AGG) == ()


def test_parents_first_whatever_the_order():
    providers = [Provider(str(n), str(n), 0, str(n + 1) if n < 4 else None, "4") for n in range(5)]
    assert [p.uuid for p in parents_first(providers)] == ["4", "3", "2", "1", "0"]


def test_delete_provider_twice_and_in_use(placement, host):
    placement.claim(SERVER, {host: {"VCPU": 1}}, **OWNER)
    with pytest.raises(InUse):
        placement.delete_provider(host)
    placement.delete_allocation(SERVER)
    placement.delete_provider(host)
    placement.delete_provider(host)
    assert placement.provider(host) is None


def test_custom_traits_and_classes_are_made_when_missing(placement, host, fake):
    generation = placement.traits(host).generation
    generation = placement.put_traits(host, ["CUSTOM_FAST", "COMPUTE_NODE"], generation=generation)
    inventories = {"CUSTOM_GOLD": Inventory(1), "VCPU": Inventory(8)}
    placement.put_inventories(host, inventories, generation=generation)
    assert fake.custom == {"traits": {"CUSTOM_FAST"}, "resource_classes": {"CUSTOM_GOLD"}}
    assert placement.inventories(host).value == inventories
    assert placement.traits(host).value == {"CUSTOM_FAST", "COMPUTE_NODE"}


def test_unknown_standard_name_is_invalid(placement, host):
    with pytest.raises(Invalid):
        placement.put_traits(host, ["NO_SUCH_TRAIT"], generation=1)


def test_stale_generation_is_a_concurrent_update(placement, host):
    with pytest.raises(ConcurrentUpdate):
        placement.put_inventories(host, {"VCPU": Inventory(1)}, generation=0)


def test_inventory_in_use_is_told(placement, host):
    placement.claim(SERVER, {host: {"VCPU": 1}}, **OWNER)
    with pytest.raises(InUse):
        placement.put_inventories(host, {}, generation=placement.inventories(host).generation)


def test_change_keeps_what_somebody_else_wrote_in_between(placement, host, fake):
    others = ["CUSTOM_ONE", "CUSTOM_TWO"]

    def interfere(method: str, path: str) -> None:
        if method == "PUT" and path.endswith("/traits") and others:
            provider = fake.providers[host]
            fake.custom["traits"].add(others[0])
            provider.traits.add(others.pop(0))
            provider.generation += 1

    fake.interfere = interfere
    placement.change_traits(host, lambda present: present | {"COMPUTE_NODE"})
    assert fake.providers[host].traits == {"CUSTOM_ONE", "CUSTOM_TWO", "COMPUTE_NODE"}


def test_change_that_is_none_writes_nothing(placement, host, fake):
    fake.requests.clear()
    placement.change_aggregates(host, lambda present: present)
    placement.change_inventories(host, lambda present: present)
    assert {method for method, _ in fake.requests} == {"GET"}


def test_change_that_is_always_overtaken_gives_up(placement, host, fake):
    def interfere(method: str, path: str) -> None:
        fake.providers[host].generation += method == "PUT"

    fake.interfere = interfere
    with pytest.raises(ConcurrentUpdate):
        placement.change_aggregates(host, lambda present: present | {AGG})
    assert sum(method == "PUT" for method, _ in fake.requests[-2 * ATTEMPTS :]) == ATTEMPTS


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
