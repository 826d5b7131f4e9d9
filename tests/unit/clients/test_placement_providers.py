"""Providers in Placement: against documented answers, and against a faithful fake."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest

from groundwork.errors import Conflict, Invalid, NotFound
from nova.clients.placement_calls import ATTEMPTS
from nova.clients.placement_errors import ConcurrentUpdate, InUse
from nova.clients.providers import Inventory, Provider, parents_first
from tests.unit.clients.placement_facts import AGG, OWNER, P1, P2, SERVER
from tests.unit.clients.services import URL


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
