"""Databases of cells follow the mappings: a changed URL is used at once, and the old connections are not leaked."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa

from groundwork.database import Database
from nova.cells.registry import CELL0_UUID, Cell, Registry
from nova.cells.scatter import Down, Late, Line, Scatter
from nova.cells.target import Targets, _newest, with_timeouts
from nova.db.api.models import cell_mappings
from nova.db.cell.models import instances
from nova.rpc.bus import Bus

MakeDatabase = Callable[..., Database]


def cell_at(database: Database, **fields: Any) -> Cell:
    return Cell(
        **{
            "id": 1,
            "uuid": "u1",
            "name": "cell1",
            "transport_url": "local:///a",
            "database_url": database.url,
            **fields,
        }
    )


class FakeBus:
    """Knows whether it was closed."""

    def __init__(self, url: str, closed: list[str]) -> None:
        self.url = url
        self.close_when_unused = lambda: closed.append(url)
        self.close = lambda: closed.append(url)


@pytest.fixture
def closed_buses() -> list[str]:
    return []


@pytest.fixture
def targets(closed_buses: list[str]) -> Targets:
    return Targets(
        open_database=Database,
        open_bus=lambda url: FakeBus(url, closed_buses),  # type: ignore[arg-type, return-value]
    )


def have_ended(database: Database, engine_name: str, to: str) -> bool:
    """Whether all connections to a database are gone; a server may take a moment to notice that one was closed."""
    deadline = time.monotonic() + 10
    while connections(database, engine_name, to):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def connections(database: Database, engine_name: str, to: str) -> int:
    """How many connections the server has to a database, as it says itself."""
    statement = {
        "mysql": "SELECT COUNT(*) FROM information_schema.processlist WHERE db = :name",
        "postgresql": "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = :name",
    }[engine_name]
    with database.read() as tx:
        name = sa.make_url(to).database
        return int(tx.execute(sa.text(statement), {"name": name}).scalar_one())


def answers(database: Database) -> None:
    with database.read() as tx:
        tx.execute(sa.select(instances.c.id).limit(1)).all()


@pytest.mark.parametrize("engine_name", ["mysql", "postgresql"])
def test_old_database_of_a_changed_url_is_closed_once_its_users_are_done(
    targets: Targets, make_database: MakeDatabase, engine_name: str
) -> None:
    observer, old, new = make_database("cell"), make_database("cell"), make_database("cell")
    for database in (old, new):
        database.dispose()
    before, after = cell_at(old), cell_at(new)
    answers(targets.database(before))
    user = targets.database(before)
    with user.read() as tx:
        targets.keep_only([after])
        answers(targets.database(after))
        # Whoever is at work is not disturbed.
        assert tx.execute(sa.select(sa.func.count()).select_from(instances)).scalar_one() == 0
    assert connections(observer, engine_name, old.url) == 1
    del user, tx
    gc.collect()
    assert have_ended(observer, engine_name, old.url)
    assert connections(observer, engine_name, new.url) == 1
    targets.close()
    assert have_ended(observer, engine_name, new.url)


def test_probe_leaves_no_connection_behind(
    targets: Targets, cell_database: Database, make_database: MakeDatabase, engine_name: str
) -> None:
    cell_database.dispose()
    targets.probe(cell_at(cell_database), timeout_s=10)
    if engine_name != "sqlite":
        assert have_ended(make_database("cell"), engine_name, cell_database.url)


def test_probe_of_a_cell_that_is_not_there_raises(targets: Targets, engine_name: str) -> None:
    url = {
        "sqlite": "sqlite:////nowhere/lost.db",
        "mysql": "mysql+pymysql://root@127.0.0.1:9/lost",
        "postgresql": "postgresql+psycopg2://root@127.0.0.1:9/lost",
    }[engine_name]
    lost = Cell(id=1, uuid="u1", name="c", transport_url="", database_url=with_timeouts(url))
    targets = Targets(open_database=lambda url: Database(url, max_retries=0), open_bus=Bus)  # type: ignore[arg-type]
    with pytest.raises(Exception, match=r"(?i)connect|unable to open"):
        targets.probe(lost, timeout_s=2)


def test_timeouts_are_of_the_drivers_own_kind_and_leave_the_operators_alone(
    engine_name: str, make_database_url: Callable[[], str]
) -> None:
    url = make_database_url()
    timed = with_timeouts(url, silence_s=7)
    with Database(timed).write() as tx:
        assert tx.execute(sa.text("SELECT 1")).scalar_one() == 1
    if engine_name == "sqlite":
        assert timed == url
        return
    assert dict(sa.make_url(timed).query)["connect_timeout"] == "7"
    own = f"{url}?connect_timeout=3"
    assert dict(sa.make_url(with_timeouts(own)).query)["connect_timeout"] == "3"


@pytest.mark.parametrize("engine_name", ["mysql"])
def test_silent_database_is_given_up_by_its_driver(
    make_database: MakeDatabase, engine_name: str
) -> None:
    """The thread of a late question is not stuck for ever."""
    database = Database(with_timeouts(make_database("cell").url, silence_s=1))
    with pytest.raises(Exception, match="(?i)lost connection|timed out"), database.read() as tx:
        tx.execute(sa.text("SELECT SLEEP(3600)"))
    database.dispose()


@pytest.mark.parametrize("engine_name", ["sqlite"])
def test_changed_cell_is_used_by_the_next_request(
    targets: Targets, make_database: MakeDatabase, closed_buses: list[str]
) -> None:
    """changes are seen by running services within seconds, without restart"""
    api_database, old, new = make_database("api"), make_database("cell"), make_database("cell")
    with api_database.write() as tx:
        tx.execute(
            sa.insert(cell_mappings).values(
                uuid=CELL0_UUID,
                name="cell",
                transport_url="local:///old",
                database_connection=old.url,
                created_at=sa.func.current_timestamp(),
            )
        )
    now = [100.0]
    scatter = Scatter(targets, threads=2, deadline_s=60)

    def keep_only(cells: tuple[Cell, ...]) -> None:
        scatter.keep_only(cells)
        targets.keep_only(cells)

    registry = Registry(api_database, on_read=keep_only, clock=lambda: now[0])

    def reached() -> str:
        [answer] = scatter.ask(
            registry.all(), lambda tx: str(tx.execute(sa.text("PRAGMA database_list")).all())
        ).values()
        assert isinstance(answer, str)
        return answer

    old_file, new_file = (str(sa.make_url(database.url).database) for database in (old, new))
    assert old_file in reached()
    targets.bus(registry.cell0())
    with api_database.write() as tx:
        tx.execute(
            sa.update(cell_mappings).values(
                database_connection=new.url, transport_url="local:///new"
            )
        )
    # What is known stays for two seconds at most.
    now[0] += 2.1
    assert new_file in reached()
    assert targets.bus(registry.cell0()).url == "local:///new"  # type: ignore[attr-defined]
    assert closed_buses == ["local:///old"]
    assert [condition.cell.database_url for condition in scatter.conditions()] == [new.url]
    scatter.close()
    targets.close()


@pytest.mark.parametrize("engine_name", ["sqlite"])
def test_cell_whose_url_was_wrong_is_asked_at_the_new_one_at_once(
    targets: Targets, make_database: MakeDatabase
) -> None:
    scatter = Scatter(targets, threads=1, deadline_s=60)
    lost = cell_at(make_database("cell"), database_url="sqlite:////nowhere/lost.db")
    [silence] = scatter.ask([lost], lambda tx: 1).values()
    assert not isinstance(silence, Late | int)
    found = cell_at(make_database("cell"))
    assert scatter.ask([found], lambda tx: 1) == {found: 1}
    scatter.close()


LIMIT_S = 0.3
# The regular expression is only there to make a page of it, as users do.
SLEEP = {
    "mysql": "SELECT SLEEP(3600) FROM (SELECT 1 AS one) AS t WHERE '1' REGEXP '1'",
    "postgresql": "SELECT pg_sleep(3600) WHERE '1' ~ '1'",
}


@pytest.fixture
def limited(closed_buses: list[str]) -> Targets:
    return Targets(
        open_database=Database,
        open_lists=partial(Database, longest_read_s=LIMIT_S),
        open_bus=lambda url: FakeBus(url, closed_buses),  # type: ignore[arg-type, return-value]
    )


@pytest.mark.parametrize("engine_name", ["mysql", "postgresql"])
def test_slow_list_is_ended_by_the_database(
    limited: Targets, make_database: MakeDatabase, engine_name: str
) -> None:
    """It is late, not refused, and the cell is up; its thread and its connection go on with the next one."""
    cell = cell_at(make_database("cell"))
    scatter = Scatter(limited, threads=1, deadline_s=60)
    numbers = {"mysql": "SELECT CONNECTION_ID()", "postgresql": "SELECT pg_backend_pid()"}

    def ask(statement: str, line: Line = Line.LISTS) -> object:
        query = lambda tx: tx.execute(sa.text(statement)).scalar()
        return scatter.ask([cell], query, line=line)[cell]

    number = ask(numbers[engine_name])
    for _ in range(2):
        assert ask(SLEEP[engine_name]) == Late(cell)
        assert ask(numbers[engine_name]) == number
    assert scatter.down() == ()
    # Only lists are limited.
    short = SLEEP[engine_name].replace("3600", str(2 * LIMIT_S))
    assert not isinstance(ask(short, Line.LOOKUPS), Late | Down)
    scatter.close()
    limited.close()


def test_lists_have_connections_of_their_own_where_they_are_limited(
    limited: Targets, cell_database: Database, engine_name: str
) -> None:
    cell = cell_at(cell_database)
    answers(limited.lists(cell))
    assert limited.lists(cell) is limited.lists(cell)
    assert (limited.lists(cell) is limited.database(cell)) == (engine_name == "sqlite")
    limited.keep_only([])
    assert limited.lists(cell) is limited.lists(cell)
    limited.close()


@pytest.mark.parametrize("engine_name", ["sqlite"])
def test_probe_reads_along_the_index_of_lists(make_database: MakeDatabase) -> None:
    statement = _newest("sqlite").compile(compile_kwargs={"literal_binds": True})
    with make_database("cell").read() as tx:
        [step] = tx.execute(sa.text(f"EXPLAIN QUERY PLAN {statement}")).all()
    assert "USING INDEX instances_deleted_created_idx" in step.detail


@pytest.mark.parametrize("engine_name", ["postgresql"])
def test_probe_waits_no_longer_than_lists_for_a_lock(
    limited: Targets, make_database: MakeDatabase
) -> None:
    database = make_database("cell")
    with database.write() as tx:
        tx.execute(sa.text("LOCK TABLE instances IN ACCESS EXCLUSIVE MODE"))
        with pytest.raises(Exception, match="statement timeout"):
            limited.probe(cell_at(database), timeout_s=10)
