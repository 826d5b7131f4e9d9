"""Services report in the database of their level, also when that becomes another one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from groundwork.columns import now
from groundwork.database import Database
from nova.db.cell import services
from nova.db.cell.models import METADATA
from nova.db.cell.services import ServiceRow
from nova.life_signs import LifeSigns
from nova.service import Identity


@dataclass
class Movable:
    """A database that is elsewhere all of a sudden."""

    database: Database
    opened: list[Database] = field(default_factory=list)

    def known(self) -> Database:
        return self.database

    latest = known

    def move(self, path: Path) -> None:
        """To an empty one."""
        self.database = make_database(path)
        self.opened.append(self.database)


def make_database(path: Path) -> Database:
    database = Database(f"sqlite:///{path}")
    METADATA.create_all(database.engine)
    return database


@pytest.fixture
def where(tmp_path: Path) -> Iterator[Movable]:
    made = Movable(make_database(tmp_path / "first.db"))
    made.opened.append(made.database)
    yield made
    for database in made.opened:
        database.dispose()


def signs(where: Movable, me: Identity) -> LifeSigns:
    return LifeSigns(where, me, topic="super-conductor")


def row(where: Movable) -> ServiceRow | None:
    with where.database.read() as tx:
        return services.find(tx, "host", "nova-conductor")


def reporting(where: Movable) -> str | None:
    found = row(where)
    assert found is not None
    return found.incarnation


def write(where: Movable, incarnation: str, at: datetime) -> None:
    """As another process of that name had registered."""
    where.database.run(
        lambda tx: services.register(tx, "host", "nova-conductor", incarnation, version=1, now=at)
    )


def test_reports_follow_the_database_to_an_empty_one(where: Movable, tmp_path: Path) -> None:
    me = Identity("nova-conductor", "host")
    life = signs(where, me)
    life.register()
    where.move(tmp_path / "second.db")
    life.report()
    assert reporting(where) == me.incarnation
    life.report()
    found = row(where)
    assert found is not None
    assert (found.topic, found.report_count) == ("super-conductor", 1)


def test_a_predecessor_in_an_old_copy_is_taken_over(where: Movable, tmp_path: Path) -> None:
    """It was made when another process ran under this name."""
    me = Identity("nova-conductor", "host")
    life = signs(where, me)
    life.register()
    where.move(tmp_path / "second.db")
    write(where, "predecessor", now() - timedelta(hours=1))
    life.report()
    assert reporting(where) == me.incarnation


def test_a_process_beside_this_one_keeps_the_row(where: Movable, tmp_path: Path) -> None:
    """It began later, so it is the one that runs, wherever it was met."""
    me = Identity("nova-conductor", "host")
    life = signs(where, me)
    life.register()
    write(where, "successor", now())
    life.report()
    assert reporting(where) == "successor"
    where.move(tmp_path / "second.db")
    write(where, "successor", now())
    life.report()
    assert reporting(where) == "successor"


def test_a_removed_service_registers_anew(where: Movable) -> None:
    me = Identity("nova-conductor", "host")
    life = signs(where, me)
    life.register()
    found = row(where)
    assert found is not None
    where.database.run(lambda tx: services.delete(tx, found.uuid))
    life.report()
    assert reporting(where) == me.incarnation
