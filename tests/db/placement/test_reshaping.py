"""The reshaper changes several providers as one."""

from __future__ import annotations

from uuid import uuid4

import pytest

from groundwork.errors import Conflict, Invalid
from placement import codes
from placement.allocations.reshaping import Reshaper
from placement.inventory.inventories import Offer
from placement.records import Inventory
from tests.db.placement.conftest import Rooms, claim

VGPU = Inventory("VGPU", 4)


@pytest.fixture
def reshaper(rooms: Rooms) -> Reshaper:
    return Reshaper(database=rooms.database, conflict_retries=0)


def test_inventory_and_its_use_move_to_a_child(rooms: Rooms, reshaper: Reshaper) -> None:
    host, consumer = rooms.provider("host", VGPU=4, VCPU=8), str(uuid4())
    child = rooms.provider("child", parent=host)
    rooms.claim(consumer, {host: {"VGPU": 4, "VCPU": 2}})
    offers = {
        host: Offer(rooms.generation(host), {"VCPU": Inventory("VCPU", 8)}),
        child: Offer(0, {"VGPU": VGPU}),
    }
    generation = rooms.generation(host)
    reshaper.reshape(offers, [claim(consumer, {host: {"VCPU": 2}, child: {"VGPU": 4}})])
    assert rooms.used(child, "VGPU") == 4
    assert list(rooms.inventories.show(host).inventories) == ["VCPU"]
    # Twice for the inventories and once for the allocations.
    assert (rooms.generation(host), rooms.generation(child)) == (generation + 3, 3)
    empty = {child: Offer(3, {})}
    reshaper.reshape(empty, [claim(consumer, {host: {"VCPU": 2}})])
    assert (rooms.generation(host), rooms.generation(child)) == (generation + 4, 5)


def test_dropped_class_that_is_still_used_is_refused(rooms: Rooms, reshaper: Reshaper) -> None:
    host, consumer = rooms.provider("host", VGPU=4), str(uuid4())
    child = rooms.provider("child", parent=host)
    rooms.claim(consumer, {host: {"VGPU": 1}})
    generation = rooms.generation(host)
    offers = {host: Offer(generation, {}), child: Offer(0, {"VGPU": VGPU})}
    with pytest.raises(Conflict) as refused:
        reshaper.reshape(offers, [])
    assert refused.value.facts["code"] == codes.INVENTORY_IN_USE
    assert rooms.generation(host) == generation
    assert rooms.used(host, "VGPU") == 1


def test_stale_and_unknown_providers_are_refused(rooms: Rooms, reshaper: Reshaper) -> None:
    host = rooms.provider("host", VGPU=4)
    with pytest.raises(Conflict) as stale:
        reshaper.reshape({host: Offer(0, {"VGPU": VGPU})}, [])
    assert stale.value.facts["code"] == codes.CONCURRENT_UPDATE
    with pytest.raises(Invalid) as unknown:
        reshaper.reshape({str(uuid4()): Offer(0, {"VGPU": VGPU})}, [])
    assert unknown.value.facts["code"] == codes.PROVIDER_NOT_FOUND


def test_end_state_must_fit(rooms: Rooms, reshaper: Reshaper) -> None:
    host, consumer = rooms.provider("host", VGPU=4), str(uuid4())
    rooms.claim(consumer, {host: {"VGPU": 4}})
    offers = {host: Offer(rooms.generation(host), {"VGPU": Inventory("VGPU", 8)})}
    with pytest.raises(Conflict):
        reshaper.reshape(offers, [claim(consumer, {host: {"VGPU": 9}})])
    reshaper.reshape(offers, [claim(consumer, {host: {"VGPU": 8}})])
    assert rooms.used(host, "VGPU") == 8
