"""What consumers hold in Placement: against documented answers, and against a faithful fake."""

from __future__ import annotations

from uuid import uuid4

import pytest
import requests

from groundwork.errors import Invalid
from nova.clients.placement import Placement
from nova.clients.placement_calls import ATTEMPTS
from nova.clients.placement_errors import ConcurrentUpdate, NoRoom
from nova.clients.providers import Allocation
from tests.unit.clients.placement_facts import OWNER, P1, P2, SERVER, error
from tests.unit.clients.services import URL, make_service


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


def test_claim_on_a_provider_that_has_gone_finds_no_room(placement, host, fake):
    """It was told as an invalid request, which ended a create though other hosts had room."""
    with pytest.raises(NoRoom):
        placement.claim(SERVER, {host: {"VCPU": 1}, P2: {"DISK_GB": 1}}, **OWNER)
    assert fake.consumers == {}


def test_claim_that_makes_no_sense_is_no_lack_of_room(web, mocked):
    web.put(f"{URL}/allocations/{SERVER}", status_code=400)
    web.get(f"{URL}/resource_providers/{P1}", json={})
    with pytest.raises(Invalid):
        mocked.claim(SERVER, {P1: {"VCPU": 1}}, **OWNER)


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
