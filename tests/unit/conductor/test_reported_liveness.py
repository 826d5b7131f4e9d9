"""Nobody who lives is taken for dead, whatever becomes of the database in which services report."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from groundwork.database import Database
from nova.conductor.liveness import ReportedLiveness
from nova.db.cell import services
from nova.db.cell.models import METADATA
from nova.service import Identity

DOWN_TIME_S = 60
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ME = Identity("nova-conductor", "me")
PEER = Identity("nova-conductor", "peer")


@dataclass
class Time:
    """Both clocks."""

    passed_s: float = 0.0

    def clock(self) -> float:
        return 1000 + self.passed_s

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.passed_s)


@dataclass
class Mapped:
    """The old and the new database of cell0. ``is_noticed``: the mapping was read since it was changed."""

    old: Database
    new: Database
    is_changed: bool = False
    is_noticed: bool = False
    looks: int = 0

    def known(self) -> Database:
        return self.new if self.is_noticed else self.old

    def latest(self) -> Database:
        self.looks += 1
        self.is_noticed = self.is_changed
        return self.known()


@dataclass
class Plane:
    """A process that judges others."""

    mapped: Mapped
    time: Time = field(default_factory=Time)

    def __post_init__(self) -> None:
        self.liveness = ReportedLiveness(
            self.mapped,
            ME,
            service_down_time_s=DOWN_TIME_S,
            clock=self.time.clock,
            now=self.time.now,
        )

    def report(self, *who: Identity, to: Database | None = None) -> None:
        """They report now."""
        for each in who:
            (to or self.mapped.known()).run(
                lambda tx, each=each: services.register(  # type: ignore[misc]
                    tx, each.host, each.binary, each.incarnation, version=1, now=self.time.now()
                )
            )

    def pass_time(self, seconds: float, *reporting: Identity) -> None:
        """Time passes, and those report at the end of it."""
        self.time.passed_s += seconds
        self.report(*reporting)

    def is_alive(self, who: Identity = PEER) -> bool:
        return self.liveness.is_alive(who.owner, who.incarnation)


@pytest.fixture
def plane(tmp_path: Path) -> Iterator[Plane]:
    mapped = Mapped(
        Database(f"sqlite:///{tmp_path}/old.db"), Database(f"sqlite:///{tmp_path}/new.db")
    )
    for database in (mapped.old, mapped.new):
        METADATA.create_all(database.engine)
    yield Plane(mapped)
    for database in (mapped.old, mapped.new):
        database.dispose()


@pytest.fixture
def settled(plane: Plane) -> Plane:
    """Everybody has reported, and the time in which nobody is judged is over."""
    plane.report(ME, PEER)
    plane.pass_time(DOWN_TIME_S + 1, ME, PEER)
    assert plane.is_alive()
    return plane


def test_who_reports_is_asked_for_in_what_was_read_a_moment_ago(settled: Plane) -> None:
    assert settled.is_alive()
    assert settled.mapped.looks == 0


def test_who_has_reported_too_long_ago_is_dead(settled: Plane) -> None:
    settled.pass_time(DOWN_TIME_S + 1, ME)
    assert not settled.is_alive()


def test_who_was_succeeded_or_removed_is_dead_in_a_moment(settled: Plane) -> None:
    settled.report(Identity(PEER.binary, PEER.host))
    settled.time.passed_s += 2
    assert not settled.is_alive()
    assert not settled.is_alive(Identity("nova-conductor", "removed"))


def test_who_has_begun_within_this_second_is_found(settled: Plane) -> None:
    """What was read before it registered says nothing of it."""
    newcomer = Identity("nova-conductor", "newcomer")
    assert settled.is_alive()
    settled.report(newcomer)
    assert settled.is_alive(newcomer)


def test_who_was_there_before_is_not_judged_at_first(plane: Plane) -> None:
    plane.report(Identity(PEER.binary, PEER.host), to=plane.mapped.old)
    plane.pass_time(1, ME)
    assert plane.is_alive(Identity("nova-conductor", "not-here-yet"))


def test_a_successor_that_has_just_begun_is_believed_at_first(plane: Plane) -> None:
    """A process that was killed is followed by another one, which does not wait."""
    before = Identity(ME.binary, ME.host)
    plane.report(before)
    plane.pass_time(1, ME)
    assert not plane.is_alive(before)


def test_who_was_called_down_is_dead(plane: Plane) -> None:
    plane.report(ME, PEER)

    def force(tx) -> None:  # type: ignore[no-untyped-def]
        row = services.find(tx, PEER.host, PEER.binary)
        assert row is not None
        services.force_down(tx, row.uuid, True)

    plane.mapped.old.run(force)
    assert not plane.is_alive()


def test_who_reports_to_the_new_database_is_not_missed_in_the_old_one(settled: Plane) -> None:
    """It was started after the change, which this process has not noticed."""
    newcomer = Identity("nova-conductor", "newcomer")
    restarted = Identity(PEER.binary, PEER.host)
    settled.mapped.is_changed = True
    settled.report(newcomer, restarted, to=settled.mapped.new)
    assert settled.is_alive(newcomer)
    assert settled.is_alive(restarted)


def test_who_has_not_noticed_the_change_is_not_missed_in_the_new_one(settled: Plane) -> None:
    settled.mapped.is_changed = settled.mapped.is_noticed = True
    settled.report(ME)
    assert settled.is_alive()
    settled.pass_time(DOWN_TIME_S - 1, ME)
    assert settled.is_alive()
    settled.pass_time(2, ME)
    assert not settled.is_alive()


def test_an_old_copy_proves_nothing_at_first(settled: Plane) -> None:
    """A row of before, by another process of that name: the copy is older than the peer."""
    settled.report(Identity(PEER.binary, PEER.host), to=settled.mapped.new)
    settled.pass_time(1, ME)
    settled.mapped.is_changed = settled.mapped.is_noticed = True
    assert settled.is_alive()
    settled.pass_time(1, ME, Identity(PEER.binary, PEER.host))
    settled.time.passed_s += 2
    assert not settled.is_alive()


def test_nobody_is_judged_in_a_database_that_takes_no_reports(settled: Plane) -> None:
    settled.mapped.is_changed = settled.mapped.is_noticed = True
    assert settled.is_alive()
    settled.time.passed_s += 10 * DOWN_TIME_S
    assert settled.is_alive()
    settled.report(ME)
    settled.time.passed_s += 2
    assert not settled.is_alive()
