"""Services of a cell: registration, heartbeats, changes."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

from groundwork.database import Database
from nova.db.cell import services
from nova.db.cell.services import ServiceRow

NOW = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)


def register(database: Database, incarnation: str, **more: object) -> ServiceRow:
    with database.write() as tx:
        return services.register(
            tx,
            "host1",
            "nova-compute",
            incarnation,
            **{"version": 1, "now": NOW, **more},  # type: ignore[arg-type]
        )


def test_first_start_makes_the_row(cell_database: Database) -> None:
    row = register(cell_database, "one", topic="compute", version=7)
    assert (row.host, row.binary, row.topic, row.version) == ("host1", "nova-compute", "compute", 7)
    assert (row.incarnation, row.last_seen_up, row.created_at) == ("one", NOW, NOW)
    assert (row.disabled, row.forced_down, row.report_count) == (False, False, 0)
    with cell_database.read() as tx:
        assert services.find(tx, "host1", "nova-compute") == row
        assert services.find_by_uuid(tx, row.uuid) == row
        assert services.find_by_id(tx, row.id) == row
        assert services.find(tx, "host1", "nova-conductor") is None


def test_later_start_takes_over_and_keeps_what_operators_set(cell_database: Database) -> None:
    first = register(cell_database, "one")
    with cell_database.write() as tx:
        assert services.disable(tx, first.uuid, reason="broken fan")
        assert services.force_down(tx, first.uuid, True)
    later = NOW + timedelta(minutes=1)
    second = register(cell_database, "two", version=2, now=later)
    assert (second.id, second.uuid, second.created_at) == (first.id, first.uuid, NOW)
    assert (second.incarnation, second.version, second.last_seen_up) == ("two", 2, later)
    assert (second.disabled, second.disabled_reason, second.forced_down) == (
        True,
        "broken fan",
        True,
    )


def test_new_service_may_start_disabled_but_only_once(cell_database: Database) -> None:
    first = register(cell_database, "one", enabled=False, disabled_reason="new")
    assert (first.disabled, first.disabled_reason) == (True, "new")
    with cell_database.write() as tx:
        services.enable(tx, first.uuid)
    second = register(cell_database, "two", enabled=False, disabled_reason="new")
    assert (second.disabled, second.disabled_reason) == (False, None)


def test_heartbeat_counts_for_the_running_process_only(cell_database: Database) -> None:
    register(cell_database, "one")
    register(cell_database, "two")
    later = NOW + timedelta(seconds=10)
    with cell_database.write() as tx:
        assert not services.heartbeat(tx, "host1", "nova-compute", "one", now=later)
        assert services.heartbeat(tx, "host1", "nova-compute", "two", now=later)
        # The same moment again: MariaDB counts rows that match, not rows that differ.
        assert services.heartbeat(tx, "host1", "nova-compute", "two", now=later)
        row = services.find(tx, "host1", "nova-compute")
    assert row is not None
    assert (row.last_seen_up, row.report_count) == (later, 2)


def test_heartbeat_of_a_deleted_service_is_refused(cell_database: Database) -> None:
    row = register(cell_database, "one")
    with cell_database.write() as tx:
        assert services.delete(tx, row.uuid)
        assert not services.delete(tx, row.uuid)
        assert not services.heartbeat(tx, "host1", "nova-compute", "one")
        assert not services.enable(tx, row.uuid)


def test_processes_that_start_at_once_share_one_row(cell_database: Database) -> None:
    barrier = threading.Barrier(4)
    found: list[ServiceRow] = []

    def start(number: int) -> None:
        barrier.wait(timeout=30)
        found.append(
            cell_database.run(
                lambda tx: services.register(
                    tx, "host1", "nova-compute", f"process {number}", version=1
                )
            )
        )

    threads = [threading.Thread(target=start, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert len(found) == 4
    assert len({row.uuid for row in found}) == 1
    with cell_database.read() as tx:
        (row,) = services.list_services(tx)
    assert row.incarnation in {one.incarnation for one in found}


def test_services_are_listed_by_age_and_filtered(cell_database: Database) -> None:
    with cell_database.write() as tx:
        for host, binary in (("b", "nova-compute"), ("a", "nova-compute"), ("b", "nova-conductor")):
            services.register(tx, host, binary, "i", version=1)
        every = services.list_services(tx)
        of_b = services.list_services(tx, host="b")
        computes = services.list_services(tx, binary="nova-compute")
        one = services.list_services(tx, host="b", binary="nova-conductor")
    assert [(row.host, row.binary) for row in every] == [
        ("b", "nova-compute"),
        ("a", "nova-compute"),
        ("b", "nova-conductor"),
    ]
    assert [row.binary for row in of_b] == ["nova-compute", "nova-conductor"]
    assert [row.host for row in computes] == ["b", "a"]
    assert [row.id for row in one] == [every[2].id]


def test_minimum_version_is_that_of_the_oldest(cell_database: Database) -> None:
    with cell_database.write() as tx:
        assert services.minimum_version(tx, "nova-compute") is None
        for host, binary, version in (
            ("a", "nova-compute", 7),
            ("b", "nova-compute", 5),
            ("c", "nova-conductor", 3),
        ):
            services.register(tx, host, binary, "one", version=version, now=NOW)
        assert services.minimum_version(tx, "nova-compute") == 5


def test_hosts_with_older_services_are_told_apart_by_binary(cell_database: Database) -> None:
    with cell_database.write() as tx:
        for host, binary, version in (
            ("c", "nova-compute", 1),
            ("a", "nova-compute", 1),
            ("b", "nova-compute", 2),
            ("d", "nova-conductor", 1),
        ):
            row = services.register(tx, host, binary, "one", version=version, now=NOW)
            # Those that are down count: they come back as they were.
            services.force_down(tx, row.uuid, host == "c")
        assert services.hosts_older_than(tx, "nova-compute", 2) == ("a", "c")
        assert services.hosts_older_than(tx, "nova-compute", 1) == ()
