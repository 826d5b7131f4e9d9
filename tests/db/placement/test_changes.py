"""Every write of a provider is in the change feed, in the transaction that made it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest
import sqlalchemy as sa

from placement.allocations.reshaping import Reshaper
from placement.db.models import provider_changes, resource_providers
from placement.db.queries import changes
from placement.inventory.aggregates import Aggregates
from placement.inventory.inventories import Offer
from placement.inventory.providers import ProviderChange
from placement.inventory.traits import Traits
from placement.records import Inventory
from tests.db.placement.conftest import Rooms, claim


def test_every_kind_of_write_is_announced_and_raises_what_it_should(rooms: Rooms) -> None:
    traits, aggregates = Traits(database=rooms.database), Aggregates(database=rooms.database)
    reshaper = Reshaper(database=rooms.database, conflict_retries=0)
    host, consumer = rooms.provider("host"), str(uuid4())
    vcpu, disk = Inventory("VCPU", 8), Inventory("DISK_GB", 8)

    def now() -> int:
        return rooms.generation(host)

    writes: list[tuple[Callable[[], object], int]] = [
        (lambda: rooms.inventories.add(host, vcpu), True),
        (lambda: rooms.inventories.update(host, generation=now(), offered=vcpu), True),
        (lambda: rooms.inventories.replace(host, generation=now(), offered={"VCPU": vcpu}), True),
        (lambda: rooms.inventories.add(host, disk), True),
        (lambda: rooms.inventories.delete(host, "DISK_GB"), True),
        (lambda: traits.set_of_provider(host, ["COMPUTE_NODE"], generation=now()), True),
        (lambda: traits.set_of_provider(host, [], generation=None), True),
        (lambda: aggregates.replace(host, [str(uuid4())], generation=None), False),
        (lambda: aggregates.replace(host, [], generation=now()), True),
        (lambda: aggregates.replace(host, [], generation=now()), True),
        (lambda: rooms.providers.update(host, ProviderChange("other name")), False),
        (lambda: rooms.claim(consumer, {host: {"VCPU": 1}}), True),
        (lambda: rooms.claim(consumer, {}), True),
        (lambda: rooms.claim(consumer, {host: {"VCPU": 1}}), True),
        (lambda: rooms.claims.release(consumer), False),
        (
            lambda: reshaper.reshape(
                {host: Offer(now(), {"VCPU": vcpu})}, [claim(consumer, {host: {"VCPU": 2}})]
            ),
            3,
        ),
        (lambda: rooms.claims.release(consumer), False),
        (lambda: rooms.inventories.delete_all(host), True),
    ]
    for number, (write, raises) in enumerate(writes):
        before, seen = now(), feed(rooms)
        write()
        assert now() == before + raises, number
        assert feed(rooms)[len(seen) :] == [id_of(rooms, host)], number
    gone = id_of(rooms, host)
    rooms.providers.delete(host)
    assert feed(rooms)[-1] == gone


def test_unchanged_traits_change_nothing(rooms: Rooms) -> None:
    traits, host = Traits(database=rooms.database), rooms.provider("host")
    traits.set_of_provider(host, ["COMPUTE_NODE"], generation=0)
    seen = feed(rooms)
    assert traits.set_of_provider(host, ["COMPUTE_NODE"], generation=1).generation == 1
    assert feed(rooms) == seen


def test_old_rows_are_forgotten_but_never_the_newest(
    rooms: Rooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = id_of(rooms, rooms.provider("host"))

    def trim(age: timedelta) -> int:
        return rooms.database.run(lambda tx: changes.trim(tx, older_than=age))

    for _ in range(9):
        rooms.database.run(lambda tx: changes.record(tx, [host]))
    assert trim(-timedelta(hours=1)) == 0, "readers that start look among the newest"
    monkeypatch.setattr(changes, "WINDOW", 4)
    assert trim(timedelta(hours=1)) == 0
    assert trim(-timedelta(hours=1)) == 6
    assert len(feed(rooms)) == 4


def feed(rooms: Rooms) -> list[int]:
    with rooms.database.read() as tx:
        own = provider_changes.c
        rows = tx.execute(sa.select(own.resource_provider_id).order_by(own.id))
        return [row.resource_provider_id for row in rows]


def id_of(rooms: Rooms, uuid: str) -> int:
    own = resource_providers.c
    with rooms.database.read() as tx:
        return int(tx.execute(sa.select(own.id).where(own.uuid == uuid)).scalar_one())
