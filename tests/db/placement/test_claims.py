"""Claims are exact on every engine, whoever else writes at the same time."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from uuid import uuid4

import pytest
import sqlalchemy as sa

from groundwork.database import Database
from groundwork.errors import Conflict, Invalid, NotFound
from placement import codes
from placement.allocations.claims import Claims
from placement.db.models import allocations, consumers, provider_changes
from placement.records import Inventory
from tests.db.placement.conftest import Rooms, claim


def rows(rooms: Rooms, table: sa.Table) -> int:
    with rooms.database.read() as tx:
        return int(tx.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())


def race(count: int, work: Callable[[int], None]) -> Counter[str]:
    """How the work ended, started by so many threads at once: ``done`` or the name of the failure."""
    gate = threading.Barrier(count)
    ends: list[str] = []

    def run(number: int) -> None:
        gate.wait(timeout=30)
        try:
            work(number)
            ends.append("done")
        except Exception as exc:
            ends.append(type(exc).__name__)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
        assert not thread.is_alive()
    return Counter(ends)


def test_sixteen_claims_for_room_of_ten_give_ten(rooms: Rooms) -> None:
    host = rooms.provider("host", VCPU=10, MEMORY_MB=1000)
    ends = race(16, lambda _: rooms.claim(str(uuid4()), {host: {"VCPU": 1, "MEMORY_MB": 10}}))
    assert ends == {"done": 10, "Conflict": 6}
    assert rooms.used(host) == 10
    assert rows(rooms, consumers) == 10


@pytest.mark.parametrize("writers", [8, 64])
def test_many_writers_fill_five_providers_to_the_brim(rooms: Rooms, writers: int) -> None:
    """Never one claim too many, and none refused while there is room and the client may try again."""
    hosts = [rooms.provider(f"host-{number}", VCPU=8) for number in range(5)]
    # Fewer connections than writers: servers allow a hundred or so, to all tests together.
    shared = Database(rooms.database.url, max_pool_size=16, max_overflow=0)
    claims = Claims(database=shared, conflict_retries=10)

    def work(number: int) -> None:
        for step in range(64 // writers):
            share = {hosts[(number + step * writers) % 5]: {"VCPU": 1}}
            with contextlib.suppress(NoRoom):
                put(claims, share)

    try:
        assert race(writers, work) == {"done": writers}
    finally:
        shared.dispose()
    assert [rooms.used(host) for host in hosts] == [8] * 5
    assert rows(rooms, consumers) == 40


class NoRoom(Exception):
    """The provider is full; any other refusal is a failure."""


def put(claims: Claims, share: dict[str, dict[str, int]]) -> None:
    try:
        claims.put([claim(str(uuid4()), share)])
    except Conflict as exc:
        if "exceed the capacity" not in str(exc):
            raise
        raise NoRoom from exc


def test_claims_on_two_providers_in_both_orders_never_exceed_either(rooms: Rooms) -> None:
    one, two = rooms.provider("one", VCPU=4), rooms.provider("two", VCPU=6)
    pairs = ((one, two), (two, one))

    def work(number: int) -> None:
        first, second = pairs[number % 2]
        rooms.claim(str(uuid4()), {first: {"VCPU": 1}, second: {"VCPU": 1}})

    assert race(12, work) == {"done": 4, "Conflict": 8}
    assert (rooms.used(one), rooms.used(two)) == (4, 4)


def test_moves_of_the_same_consumers_leave_each_with_one_share(rooms: Rooms) -> None:
    """Two clients below 1.28 move the same consumers at once; each consumer ends in one place."""
    one, two = rooms.provider("one", VCPU=100), rooms.provider("two", VCPU=100)
    movers = [str(uuid4()) for _ in range(4)]
    for consumer in movers:
        rooms.claim(consumer, {one: {"VCPU": 3}})
    ends = race(8, lambda n: rooms.claim(movers[n % 4], {(one, two)[n // 4]: {"VCPU": 2}}))
    assert set(ends) <= {"done", "Conflict", "LostRace"}
    assert rooms.used(one) + rooms.used(two) <= 4 * 3
    for consumer in movers:
        view = rooms.holdings.of_consumer(consumer)
        assert view is not None
        assert len(view.allocations) == 1


def test_first_writes_of_one_consumer_are_serialized_by_its_generation(rooms: Rooms) -> None:
    hosts = [rooms.provider(f"host-{number}", VCPU=10) for number in range(8)]
    consumer = str(uuid4())
    ends = race(
        8,
        lambda n: rooms.claim(
            consumer, {hosts[n]: {"VCPU": 1}}, check_generation=True, expected_generation=None
        ),
    )
    assert ends["done"] == 1
    assert sum(ends.values()) == 8
    assert sum(rooms.used(host) for host in hosts) == 1


def test_claims_and_releases_of_one_consumer_leave_all_or_nothing(rooms: Rooms) -> None:
    one, two = rooms.provider("one", VCPU=10), rooms.provider("two", VCPU=10)
    consumer = str(uuid4())

    def work(number: int) -> None:
        if number % 2:
            rooms.claims.release(consumer)
        else:
            rooms.claim(consumer, {one: {"VCPU": 1}, two: {"VCPU": 1}})

    ends = race(10, work)
    assert set(ends) <= {"done", "LostRace"}
    assert rooms.used(one) == rooms.used(two) == rows(rooms, consumers)


def test_second_provider_full_writes_nothing(rooms: Rooms) -> None:
    one, two = rooms.provider("one", VCPU=10), rooms.provider("two", VCPU=1)
    generation, feed = rooms.generation(one), rows(rooms, provider_changes)
    with pytest.raises(Conflict) as refused:
        rooms.claim(str(uuid4()), {one: {"VCPU": 1}, two: {"VCPU": 2}})
    assert refused.value.facts.get("code", codes.UNDEFINED) == codes.UNDEFINED
    assert rows(rooms, allocations) == rows(rooms, consumers) == 0
    assert rooms.generation(one) == generation
    assert rows(rooms, provider_changes) == feed


@pytest.mark.parametrize(
    ("inventory", "amount", "fits"),
    [
        (Inventory("VCPU", 10, reserved=2), 8, True),
        (Inventory("VCPU", 10, reserved=2), 9, False),
        (Inventory("VCPU", 10, reserved=2, allocation_ratio=1.5), 12, True),
        (Inventory("VCPU", 10, reserved=2, allocation_ratio=1.5), 13, False),
        (Inventory("VCPU", 10, min_unit=2), 1, False),
        (Inventory("VCPU", 10, max_unit=4), 5, False),
        (Inventory("VCPU", 10, step_size=3), 4, False),
        (Inventory("VCPU", 10, step_size=3), 6, True),
        (Inventory("VCPU", 10), 10**20, False),
        (Inventory("VCPU", 2147483647, allocation_ratio=3.4e38), 2147483647, True),
    ],
)
def test_each_bound_of_the_inventory(
    rooms: Rooms, inventory: Inventory, amount: int, fits: bool
) -> None:
    host = rooms.provider("host", VCPU=inventory)
    if fits:
        rooms.claim(str(uuid4()), {host: {"VCPU": amount}})
        assert rooms.used(host) == amount
    else:
        with pytest.raises(Conflict):
            rooms.claim(str(uuid4()), {host: {"VCPU": amount}})


def test_overfull_provider_takes_what_does_not_raise_the_use(rooms: Rooms) -> None:
    host, consumer, other = rooms.provider("host", VCPU=10), str(uuid4()), str(uuid4())
    rooms.claim(consumer, {host: {"VCPU": 8}})
    small = Inventory("VCPU", 4)
    rooms.inventories.update(host, generation=rooms.generation(host), offered=small)
    with pytest.raises(Conflict):
        rooms.claim(consumer, {host: {"VCPU": 9}})
    with pytest.raises(Conflict):
        rooms.claim(other, {host: {"VCPU": 1}})
    rooms.claim(consumer, {host: {"VCPU": 7}})
    # As a server's share moves to its migration: one call takes from one and gives to the other.
    rooms.claims.put([claim(consumer, {}), claim(other, {host: {"VCPU": 7}})])
    assert rooms.used(host) == 7


def test_claims_of_one_call_are_judged_by_their_sum(rooms: Rooms) -> None:
    host = rooms.provider("host", VCPU=10)
    with pytest.raises(Conflict):
        rooms.claims.put([claim(str(uuid4()), {host: {"VCPU": 6}}) for _ in range(2)])
    assert rows(rooms, consumers) == 0


def test_unknown_things_are_told_and_write_nothing(rooms: Rooms) -> None:
    host = rooms.provider("host", VCPU=10)
    with pytest.raises(Invalid, match="does not exist"):
        rooms.claim(str(uuid4()), {str(uuid4()): {"VCPU": 1}})
    with pytest.raises(Invalid, match="CUSTOM_NONE"):
        rooms.claim(str(uuid4()), {host: {"CUSTOM_NONE": 1}})
    with pytest.raises(Conflict, match="Inventory for 'DISK_GB' on"):
        rooms.claim(str(uuid4()), {host: {"DISK_GB": 1}})
    assert rows(rooms, consumers) == 0


def test_last_share_gone_takes_the_record_along(rooms: Rooms) -> None:
    host, consumer = rooms.provider("host", VCPU=10), str(uuid4())
    rooms.claim(consumer, {host: {"VCPU": 1}}, check_generation=True, expected_generation=None)
    generation = rooms.generation(host)
    rooms.claim(consumer, {}, check_generation=True, expected_generation=1)
    assert rows(rooms, consumers) == rows(rooms, allocations) == 0
    assert rooms.generation(host) == generation + 1
    rooms.claim(consumer, {host: {"VCPU": 1}}, check_generation=True, expected_generation=None)


def test_release_leaves_generations_and_is_announced(rooms: Rooms) -> None:
    host, consumer = rooms.provider("host", VCPU=10), str(uuid4())
    rooms.claim(consumer, {host: {"VCPU": 1}})
    generation, feed = rooms.generation(host), rows(rooms, provider_changes)
    assert rooms.claims.release(consumer)
    assert not rooms.claims.release(consumer)
    assert rooms.generation(host) == generation
    assert rows(rooms, provider_changes) == feed + 1


def test_placeholder_owner_does_not_displace_the_known_one(rooms: Rooms) -> None:
    host, consumer = rooms.provider("host", VCPU=10), str(uuid4())
    rooms.claim(consumer, {host: {"VCPU": 1}}, consumer_type="INSTANCE")
    rooms.claim(consumer, {host: {"VCPU": 2}}, owner_is_placeholder=True)
    view = rooms.holdings.of_consumer(consumer)
    assert view is not None
    assert (view.consumer.project_id, view.consumer.consumer_type) == ("project", "INSTANCE")


def test_owners_with_odd_names_are_told_apart_and_kept(rooms: Rooms) -> None:
    host, consumer = rooms.provider("host", VCPU=10), str(uuid4())
    odd = """q"uote's, back\\slash, [1, 2], züri \N{SNOWMAN}"""
    for amount in (1, 2):
        claims = [replace(claim(consumer, {host: {"VCPU": amount}}), project_id=odd, user_id=odd)]
        rooms.claims.put(claims)
    view = rooms.holdings.of_consumer(consumer)
    assert view is not None
    assert (view.consumer.project_id, view.consumer.user_id) == (odd, odd)
    assert rooms.used(host) == 2


def test_claims_against_the_removal_of_the_provider(rooms: Rooms) -> None:
    host = rooms.provider("host", VCPU=10)

    def work(number: int) -> None:
        if number:
            rooms.claim(str(uuid4()), {host: {"VCPU": 1}})
        else:
            rooms.providers.delete(host)

    ends = race(4, work)
    assert set(ends) <= {"done", "Conflict", "Invalid"}
    try:
        assert rooms.used(host) == ends["done"]
    except NotFound:
        assert ends == {"done": 1, "Invalid": 3}
