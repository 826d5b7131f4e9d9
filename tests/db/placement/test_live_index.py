"""The index of a process is as fresh as the database, whoever writes, commits late, rolls back or trims."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest
import sqlalchemy as sa

from groundwork.columns import now
from groundwork.database import Database, Transaction
from groundwork.errors import Conflict, Invalid, NotFound
from placement.allocations.reshaping import Reshaper
from placement.candidates.index.feed import Feed
from placement.candidates.index.live import LiveIndex
from placement.candidates.index.loading import Loader
from placement.candidates.request import CandidateRequest, Group
from placement.candidates.search import Order, search
from placement.db.models import provider_changes
from placement.db.queries import changes
from placement.inventory.aggregates import Aggregates
from placement.inventory.inventories import Offer
from placement.inventory.providers import ProviderChange
from placement.inventory.resource_classes import ResourceClasses
from placement.inventory.traits import Traits
from placement.records import Inventory
from tests.db.placement.conftest import Rooms, claim
from tests.db.placement.plain_load import plain_facts
from tests.unit.placement.worlds import indexed


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def live(rooms: Rooms, clock: Clock) -> LiveIndex:
    return LiveIndex(database=rooms.database, clock=clock)


def shown(live: LiveIndex) -> dict[str, object]:
    """Every provider that is in a tree, with all that a search can see of it."""
    with live.fresh() as index:
        found = {}
        for row in range(index.size):
            if not index.placed[row]:
                continue
            fact = index.fact(row)
            lineage = tuple(index.fact(above).uuid for above in index.lineage_of(row))
            stocks = tuple(sorted(fact.stocks, key=lambda stock: stock.resource_class))
            found[fact.uuid] = (lineage, stocks, fact.traits, fact.aggregates)
            for stock in stocks:
                column = index.columns[stock.resource_class]
                free = min(stock.capacity - stock.used, stock.max_unit)
                assert (row in column.fitting(1)) == stock.fits(1)
                assert (row in column.fitting(free + 1)) is False
        return found


def committed(database: Database) -> dict[str, object]:
    """The same from a fresh and plain load."""
    facts = {fact.id: indexed(fact) for fact in plain_facts(database)}
    found = {}
    for fact in facts.values():
        lineage, above = [fact.uuid], fact.parent_id
        while above is not None:
            lineage.append(facts[above].uuid)
            above = facts[above].parent_id
        stocks = tuple(sorted(fact.stocks, key=lambda stock: stock.resource_class))
        found[fact.uuid] = (tuple(lineage), stocks, fact.traits, fact.aggregates)
    return found


def used(live: LiveIndex, uuid: str) -> int:
    with live.fresh() as index:
        row = index.row_of(uuid)
        assert row is not None
        (stock,) = index.fact(row).stocks
        return stock.used


def test_every_kind_of_write_is_seen_by_the_next_read(rooms: Rooms, live: LiveIndex) -> None:
    traits, aggregates = Traits(database=rooms.database), Aggregates(database=rooms.database)
    classes = ResourceClasses(database=rooms.database)
    reshaper = Reshaper(database=rooms.database, conflict_retries=0)
    assert shown(live) == {}
    top, other = rooms.provider("top", MEMORY_MB=64), rooms.provider("other")
    child = rooms.provider("child", parent=top, VCPU=8)
    consumer = str(uuid4())
    vcpu, small = Inventory("VCPU", 8), Inventory("VCPU", 4, 1, 1, 3, 1, 2.0)
    classes.create("CUSTOM_A")

    def now(uuid: str) -> int:
        return rooms.generation(uuid)

    writes: list[Callable[[], object]] = [
        lambda: rooms.inventories.add(child, Inventory("DISK_GB", 9)),
        lambda: rooms.inventories.update(child, generation=now(child), offered=small),
        lambda: rooms.inventories.replace(child, generation=now(child), offered={"VCPU": vcpu}),
        lambda: rooms.inventories.add(child, Inventory("CUSTOM_A", 9)),
        lambda: classes.rename("CUSTOM_A", "CUSTOM_B"),
        lambda: rooms.inventories.delete(child, "CUSTOM_B"),
        lambda: traits.ensure("CUSTOM_NEW"),
        lambda: traits.set_of_provider(child, ["CUSTOM_NEW", "COMPUTE_NODE"], generation=None),
        lambda: traits.set_of_provider(child, ["COMPUTE_NODE"], generation=None),
        lambda: aggregates.replace(child, [str(uuid4()), str(uuid4())], generation=None),
        lambda: aggregates.replace(child, [], generation=now(child)),
        lambda: rooms.claim(consumer, {child: {"VCPU": 1}, top: {"MEMORY_MB": 5}}),
        lambda: rooms.claim(consumer, {child: {"VCPU": 2}}),
        lambda: reshaper.reshape(
            {child: Offer(now(child), {}), other: Offer(now(other), {"VCPU": vcpu})},
            [claim(consumer, {other: {"VCPU": 2}})],
        ),
        lambda: rooms.claims.release(consumer),
        lambda: rooms.providers.update(
            child,
            ProviderChange("child", sets_parent=True, parent_uuid=other, may_move=True),
        ),
        lambda: rooms.providers.update(
            child, ProviderChange("child", sets_parent=True, parent_uuid=None, may_move=True)
        ),
        lambda: rooms.providers.update(
            top, ProviderChange("top", sets_parent=True, parent_uuid=child)
        ),
        lambda: rooms.providers.delete(top),
        lambda: rooms.providers.delete(child),
        lambda: rooms.providers.create(uuid=child, name="child", parent_uuid=other),
    ]
    for number, write in enumerate(writes):
        write()
        assert shown(live) == committed(rooms.database), number


def test_names_are_known_when_they_are_there(rooms: Rooms, live: LiveIndex) -> None:
    traits = Traits(database=rooms.database)
    for _ in range(2):
        with pytest.raises(Invalid, match="CUSTOM_X"), live.fresh(traits=["CUSTOM_X"]):
            pass
        with pytest.raises(Invalid, match="NO_SUCH_CLASS"), live.fresh(classes=["NO_SUCH_CLASS"]):
            pass
        traits.ensure("CUSTOM_X")
        with live.fresh(traits=["CUSTOM_X", "COMPUTE_NODE"], classes=["VCPU"]):
            pass
        traits.delete("CUSTOM_X")


def test_search_sees_what_is_committed(rooms: Rooms, live: LiveIndex) -> None:
    top = rooms.provider("top", MEMORY_MB=100)
    child = rooms.provider("child", parent=top, VCPU=4)
    rooms.claim(str(uuid4()), {child: {"VCPU": 3}})
    request = CandidateRequest((Group("", {"VCPU": 1, "MEMORY_MB": 5}),))
    with live.fresh() as index:
        ((tree, _),) = search(index, request, Order())
        assert [index.fact(row).uuid for row in tree.usable] == [top, child]
    rooms.claim(str(uuid4()), {child: {"VCPU": 1}})
    with live.fresh() as index:
        assert not list(search(index, request, Order()))


class Late:
    """A transaction that has written a row of the feed and is still open."""

    def __init__(self, database: Database, work: Callable[[Transaction], None]) -> None:
        self._connection = database.engine.connect()
        self._transaction = self._connection.begin()
        work(Transaction(self._connection))

    def commit(self) -> None:
        self._transaction.commit()
        self._connection.close()

    def rollback(self) -> None:
        self._transaction.rollback()
        self._connection.close()


def writes_trait(provider_id: int) -> Callable[[Transaction], None]:
    from placement.db.queries import traits

    def work(tx: Transaction) -> None:
        traits.change(tx, provider_id, added=[1])
        changes.record(tx, [provider_id])

    return work


def ids(rooms: Rooms) -> dict[str, int]:
    return {fact.uuid: fact.id for fact in plain_facts(rooms.database)}


# SQLite has one writer at a time, so that no id is ever missing.
only_where_writers_overlap = pytest.mark.parametrize(
    "engine_name", ["mysql", "postgresql"], indirect=True
)


@only_where_writers_overlap
@pytest.mark.parametrize("started", [False, True], ids=["reader starts late", "reader runs"])
def test_commit_that_comes_late_is_seen(rooms: Rooms, live: LiveIndex, started: bool) -> None:
    slow, fast = rooms.provider("slow"), rooms.provider("fast", VCPU=8)
    if started:
        shown(live)
    late = Late(rooms.database, writes_trait(ids(rooms)[slow]))
    rooms.claim(str(uuid4()), {fast: {"VCPU": 1}})
    assert used(live, fast) == 1
    late.commit()
    assert shown(live) == committed(rooms.database)
    assert live.missing == 0


@only_where_writers_overlap
def test_commit_is_waited_for_however_long_it_takes(
    rooms: Rooms, live: LiveIndex, clock: Clock
) -> None:
    slow, fast = rooms.provider("slow"), rooms.provider("fast", VCPU=8)
    shown(live)
    late = Late(rooms.database, writes_trait(ids(rooms)[slow]))
    for number in range(1, 5):
        rooms.claim(str(uuid4()), {fast: {"VCPU": 1}})
        clock.now_s += 3600
        assert used(live, fast) == number
    assert live.missing == 1
    late.commit()
    assert shown(live) == committed(rooms.database)


@only_where_writers_overlap
def test_rolled_back_id_is_given_up_on_proof(rooms: Rooms, live: LiveIndex, clock: Clock) -> None:
    slow, fast = rooms.provider("slow"), rooms.provider("fast", VCPU=8)
    shown(live)
    late = Late(rooms.database, writes_trait(ids(rooms)[slow]))
    rooms.claim(str(uuid4()), {fast: {"VCPU": 1}})
    used(live, fast)
    late.rollback()
    used(live, fast)
    assert live.missing == 1, "too young to look into"
    clock.now_s += 60
    # Transactions of other databases on the server may have to end first.
    wait_until(lambda: used(live, fast) == 1 and live.missing == 0)
    assert shown(live) == committed(rooms.database)


@pytest.mark.parametrize("engine_name", ["mysql"], indirect=True)
def test_ids_in_steps_are_read_like_any_others(rooms: Rooms, live: LiveIndex, clock: Clock) -> None:
    """A cluster of three numbers its rows 4, 7, 10...; what is missing between them is no reason to wait."""
    slow, fast = rooms.provider("slow"), rooms.provider("fast", VCPU=100)
    shown(live)
    by_uuid = ids(rooms)
    late = Late(rooms.database, writes_trait(by_uuid[slow]))
    with rooms.database.write() as tx:
        first = changes.newest(tx) + 1000
        rows = [
            {"id": first + 3 * number, "resource_provider_id": by_uuid[fast], "changed_at": now()}
            for number in range(300)
        ]
        tx.execute(sa.insert(provider_changes), rows)
    for number in range(1, 4):
        rooms.claim(str(uuid4()), {fast: {"VCPU": 1}})
        assert used(live, fast) == number
        assert live.missing > 1000
        clock.now_s += 60
    late.commit()
    assert shown(live) == committed(rooms.database)
    clock.now_s += 60
    wait_until(lambda: used(live, fast) == 3 and live.missing == 0)
    rooms.claim(str(uuid4()), {fast: {"VCPU": 1}})
    assert used(live, fast) == 4


def test_writer_whose_id_was_taken_starts_anew(
    rooms: Rooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader closed the gap between a writer's taking its id and its writing the row."""
    uuid = rooms.provider("host")
    host = ids(rooms)[uuid]
    with rooms.database.read() as tx:
        taken = changes.newest(tx)
    statement, tries = changes._insert(), []

    def insert() -> sa.Insert:
        tries.append(1)
        return statement.values(id=taken) if len(tries) == 1 else statement

    monkeypatch.setattr(changes, "_insert", insert)
    rooms.database.run(lambda tx: changes.record(tx, [host]))
    assert len(tries) == 2
    with rooms.database.read() as tx:
        assert changes.newest(tx) > taken


def trim_all(tx: Transaction) -> int:
    return changes.trim(tx, older_than=-timedelta(hours=1))


def test_trimmed_feed_means_loading_anew(
    rooms: Rooms, live: LiveIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = rooms.provider("host", VCPU=100)
    for empty_at_first in (False, True):
        if not empty_at_first:
            shown(live)
        for _ in range(6):
            rooms.claim(str(uuid4()), {host: {"VCPU": 1}})
        monkeypatch.setattr(changes, "WINDOW", 2)
        assert rooms.database.run(trim_all) > 0
        assert shown(live) == committed(rooms.database)


def test_reader_of_an_empty_feed_notices_what_was_trimmed(
    rooms: Rooms, live: LiveIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown(live)
    host = rooms.provider("host", VCPU=100)
    for _ in range(6):
        rooms.claim(str(uuid4()), {host: {"VCPU": 1}})
    monkeypatch.setattr(changes, "WINDOW", 1)
    rooms.database.run(trim_all)
    assert shown(live) == committed(rooms.database)


def test_failure_in_the_middle_of_a_read_loses_nothing(
    rooms: Rooms, live: LiveIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = rooms.provider("host", VCPU=8)
    shown(live)
    rooms.claim(str(uuid4()), {host: {"VCPU": 1}})
    with monkeypatch.context() as patch:
        patch.setattr(Loader, "some", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            shown(live)
    assert used(live, host) == 1


def test_lost_connection_is_made_anew(rooms: Rooms, live: LiveIndex, clock: Clock) -> None:
    host = rooms.provider("host", VCPU=8)
    shown(live)
    rooms.claim(str(uuid4()), {host: {"VCPU": 1}})
    connection = live._reader._connection
    if connection is not None:
        # As a server does that was restarted.
        connection.connection.dbapi_connection.close()
    assert used(live, host) == 1
    rooms.claim(str(uuid4()), {host: {"VCPU": 1}})
    clock.now_s += 3600
    assert used(live, host) == 2


def test_several_that_wait_are_served_by_one_read(
    rooms: Rooms, live: LiveIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    rooms.provider("host")
    shown(live)
    reads: list[int] = []
    plain_read = Feed.read
    monkeypatch.setattr(Feed, "read", lambda self, tx: reads.append(1) or plain_read(self, tx))
    live._lock = lock = CountingLock()  # type: ignore[assignment]
    with live.fresh():
        waiting = [threading.Thread(target=shown, args=(live,)) for _ in range(4)]
        for thread in waiting:
            thread.start()
        wait_until(lambda: lock.wanted == 5)
    for thread in waiting:
        thread.join(timeout=30)
    assert len(reads) == 2


class CountingLock:
    """Knows how many threads ever wanted it."""

    def __init__(self) -> None:
        self._lock, self._count = threading.Lock(), threading.Lock()
        self.wanted = 0

    def __enter__(self) -> None:
        with self._count:
            self.wanted += 1
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_index_agrees_with_the_database_while_eight_write(rooms: Rooms) -> None:
    """Two readers as in two processes; each writer sees its own writes in both, and at the end all is equal."""
    readers = [LiveIndex(database=rooms.database, clock=time.monotonic) for _ in range(2)]
    tops = [rooms.provider(f"top-{number}", VCPU=1000) for number in range(4)]
    failures: list[str] = []
    gate = threading.Barrier(8)

    def write(number: int) -> None:
        chance = random.Random(number)
        gate.wait(timeout=30)
        try:
            for step in range(12):
                one_write(rooms, readers[number % 2], tops, f"w{number}-{step}", chance)
        except Exception as exc:
            failures.append(f"{number}: {type(exc).__name__}: {exc}")

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=300)
        assert not thread.is_alive()
    assert failures == []
    final = committed(rooms.database)
    for reader in [*readers, LiveIndex(database=rooms.database, clock=time.monotonic)]:
        assert shown(reader) == final


def one_write(
    rooms: Rooms, reader: LiveIndex, tops: list[str], name: str, chance: random.Random
) -> None:
    """One write that nobody else undoes, and a look whether the reader sees it."""
    mine = str(uuid4())
    match chance.randrange(4):
        case 0:
            parent = chance.choice(tops)
            rooms.providers.create(uuid=mine, name=name, parent_uuid=parent)
            rooms.inventories.replace(
                mine, generation=0, offered={"DISK_GB": Inventory("DISK_GB", 7)}
            )
            with reader.fresh() as index:
                row = index.row_of(mine)
                assert row is not None
                assert index.fact(index.tree_of(row).root).uuid == parent
                assert index.fact(row).stocks[0].capacity == 7
        case 1:
            rooms.providers.create(uuid=mine, name=name, parent_uuid=None)
            Traits(database=rooms.database).set_of_provider(mine, ["COMPUTE_NODE"], generation=None)
            with reader.fresh() as index:
                row = index.row_of(mine)
                assert row is not None
                assert index.fact(row).traits == ("COMPUTE_NODE",)
            rooms.providers.delete(mine)
            with reader.fresh() as index:
                assert index.row_of(mine) is None
        case 2:
            rooms.providers.create(uuid=mine, name=name, parent_uuid=None)
            rooms.inventories.replace(mine, generation=0, offered={"VCPU": Inventory("VCPU", 5)})
            rooms.claim(str(uuid4()), {mine: {"VCPU": 3}, chance.choice(tops): {"VCPU": 1}})
            assert used(reader, mine) == 3
        case _:
            # A claim that fails late leaves an id missing.
            with pytest.raises((Conflict, NotFound)):
                rooms.database.run(lambda tx: fail(tx, ids_of_top=1))


def fail(tx: Transaction, *, ids_of_top: int) -> None:
    changes.record(tx, [ids_of_top])
    raise Conflict("on purpose, after the feed was written")
