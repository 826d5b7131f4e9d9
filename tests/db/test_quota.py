"""The quota ledger on real databases: parallel requests never get more than the limits, and leave nothing over."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from groundwork import columns
from groundwork.context import RequestContext
from groundwork.database import Database
from groundwork.errors import Invalid, OverQuota
from nova.db.api import instance_mappings
from nova.db.api import models as api_models
from nova.db.api import quotas as quota_rows
from nova.db.api.models import (
    build_requests,
    quota_classes,
    quota_locks,
    quotas,
    request_specs,
)
from nova.db.api.models import instance_mappings as mappings
from nova.db.cell import models as cell_models
from nova.domain.flavor import Flavor
from nova.domain.request_spec import RequestSpec
from nova.domain.server import Server
from nova.lifecycle.accept import CreateRequest, Intake
from nova.quota.limits import DefaultLimits, Limits
from nova.quota.sets import QuotaSets
from nova.quota.stored import NoLimits, StoredLimits
from nova.quota.tally import UNLIMITED
from nova.quota.unified import Rules, Strategy, UnifiedLimits

FLAVOR = Flavor(flavorid="1", name="tiny", vcpus=2, memory_mb=512, root_gb=1)
ALL = (mappings, request_specs, build_requests)


class Bus:
    """Counts the hints that were sent after commits."""

    def __init__(self) -> None:
        self.hinted: list[int] = []

    def cast(self, _context: RequestContext, _address: Any, message: Any) -> None:
        self.hinted.extend(message.operation_ids)


class Desk:
    """Where create requests are accepted."""

    def __init__(self, database: Database, limits: Limits | None = None, **defaults: int) -> None:
        self.database = database
        self.bus = Bus()
        values = {"instances": UNLIMITED, "cores": UNLIMITED, "ram": UNLIMITED, **defaults}
        self._intake = Intake(
            api_database=database,
            limits=limits or StoredLimits(database, DefaultLimits(**values)),
            api_bus=self.bus,  # type: ignore[arg-type]
        )

    def accept(
        self, *, user: str = "u", project: str = "p", low: int = 1, high: int | None = None
    ) -> Sequence[Server]:
        template = Server(
            uuid="",
            project_id=project,
            user_id=user,
            display_name="one",
            flavor=FLAVOR,
            vm_state="building",
            created_at=columns.now() - timedelta(seconds=1),
            reservation_id="r-1",
        )
        request = CreateRequest(
            template=template,
            spec=RequestSpec(project_id=project, user_id=user, flavor=FLAVOR),
            min_count=low,
            max_count=high or low,
        )
        context = RequestContext(user_id=user, project_id=project, overwrite=False)
        return self._intake.accept(context, request)

    def accept_all(
        self, requests: Sequence[dict[str, Any]], *, at_once: int = 32
    ) -> tuple[list[Server], list[str]]:
        """From so many threads: the servers that were promised, the refusals."""

        def one(request: dict[str, Any]) -> Sequence[Server] | str:
            try:
                return self.accept(**request)
            except OverQuota as refusal:
                return refusal.text

        with ThreadPoolExecutor(max_workers=at_once) as threads:
            answers = list(threads.map(one, requests))
        promised = [
            server for answer in answers if not isinstance(answer, str) for server in answer
        ]
        return promised, [answer for answer in answers if isinstance(answer, str)]

    def rows(self, table: sa.Table) -> list[str]:
        with self.database.read() as tx:
            return list(tx.execute(sa.select(table.c.instance_uuid)).scalars())

    def assert_holds_exactly(self, promised: Sequence[Server]) -> None:
        """Rows, hints and the sum are those of the promised servers and of no other."""
        uuids = sorted(server.uuid for server in promised)
        for table in ALL:
            assert sorted(self.rows(table)) == uuids, table.name
        assert len(self.bus.hinted) == len(set(self.bus.hinted)) == len(uuids)
        by_project: dict[str, int] = {}
        for server in promised:
            by_project[server.project_id] = by_project.get(server.project_id, 0) + 1
        with self.database.read() as tx:
            for project, count in by_project.items():
                usage = instance_mappings.usage(tx, project)
                assert (usage.instances, usage.cores, usage.ram_mb) == (
                    count,
                    2 * count,
                    512 * count,
                )

    def set_limit(self, resource: str, limit: int, *, user: str = "", project: str = "p") -> None:
        with self.database.write() as tx:
            tx.execute(
                sa.insert(quotas).values(
                    project_id=project, user_id=user, resource=resource, hard_limit=limit
                )
            )


@pytest.fixture
def desk(api_database: Database) -> Callable[..., Desk]:
    return lambda **defaults: Desk(api_database, **defaults)


def test_200_parallel_creates_at_limit_10_end_with_exactly_10(desk: Callable[..., Desk]) -> None:
    """Recheck after create closes races; switchable with [quota]recheck_quota

    200 parallel creates with limit 10 end with exactly 10, never more, and the others leave no row. Check and insert
    are one transaction, so nothing depends on the switch.
    """
    found = desk(instances=10)
    promised, refusals = found.accept_all([{}] * 200, at_once=200)
    assert len(promised) == 10
    assert set(refusals) == {
        "Quota exceeded for instances: Requested 1, but already used 10 of 10 instances"
    }
    found.assert_holds_exactly(promised)


def test_projects_do_not_take_each_others_room(desk: Callable[..., Desk]) -> None:
    found = desk(instances=5)
    promised, refusals = found.accept_all([{"project": f"p{n % 4}"} for n in range(60)])
    counts = [sum(server.project_id == f"p{n}" for server in promised) for n in range(4)]
    assert counts == [5, 5, 5, 5]
    assert len(refusals) == 40
    found.assert_holds_exactly(promised)


def test_parallel_creates_of_several_servers_never_overshoot(desk: Callable[..., Desk]) -> None:
    found = desk(cores=20)
    promised, _ = found.accept_all([{"low": 1, "high": 3}] * 40)
    assert len(promised) == 10
    found.assert_holds_exactly(promised)


def test_limits_of_users_hold_inside_that_of_the_project(desk: Callable[..., Desk]) -> None:
    found = desk(instances=10)
    found.set_limit("instances", 3, user="small")
    promised, refusals = found.accept_all(
        [{"user": "small" if n % 2 else "large"} for n in range(60)]
    )
    users = [server.user_id for server in promised]
    assert len(users) == 10
    assert users.count("small") <= 3
    assert all("already used" in text for text in refusals)
    found.assert_holds_exactly(promised)


def test_user_at_their_limit_is_refused_with_their_numbers(desk: Callable[..., Desk]) -> None:
    found = desk(instances=10)
    found.set_limit("instances", 1, user="small")
    found.accept(user="small")
    with pytest.raises(OverQuota) as refusal:
        found.accept(user="small")
    assert refusal.value.text == (
        "Quota exceeded for instances: Requested 1, but already used 1 of 1 instances"
    )
    assert len(found.accept(user="large", low=9)) == 9


def test_without_limits_everything_is_accepted(desk: Callable[..., Desk]) -> None:
    found = desk()
    promised, refusals = found.accept_all([{"high": 2}] * 40)
    assert (len(promised), refusals) == (80, [])
    found.assert_holds_exactly(promised)


def test_limit_of_the_project_wins_over_the_class_and_the_class_over_the_default(
    desk: Callable[..., Desk],
) -> None:
    found = desk(instances=1)
    with found.database.write() as tx:
        tx.execute(
            sa.insert(quota_classes).values(
                class_name="default", resource="instances", hard_limit=2
            )
        )
    assert len(found.accept(high=9)) == 2
    found.set_limit("instances", 3)
    assert len(found.accept(high=9)) == 1
    assert len(found.accept(project="other", high=9)) == 2


def test_server_on_its_way_out_makes_room(desk: Callable[..., Desk]) -> None:
    found = desk(instances=1)
    [server] = found.accept()
    with found.database.write() as tx:
        instance_mappings.queue_for_delete(tx, [server.uuid])
    assert len(found.accept()) == 1


def test_refused_request_leaves_only_the_lock_row(desk: Callable[..., Desk]) -> None:
    """Check is by counting instances, cores and ram over cells (or placement), not by reserve and commit

    No reservations table; create at limit gives 403 (which is what OverQuota becomes) with the same message as Nova.
    """
    found = desk(instances=0)
    with pytest.raises(OverQuota) as refusal:
        found.accept()
    assert refusal.value.text == (
        "Quota exceeded for instances: Requested 1, but already used 0 of 0 instances"
    )
    for metadata in (api_models.METADATA, cell_models.METADATA):
        assert [name for name in metadata.tables if "reserv" in name or "quota_usage" in name] == []
    assert [found.rows(table) for table in ALL] == [[], [], []]
    with found.database.read() as tx:
        assert tx.execute(sa.select(quota_locks.c.holder)).scalars().all() == ["p"]


def test_a_limit_is_never_set_below_what_is_taken_at_that_moment(
    desk: Callable[..., Desk],
) -> None:
    """Changes of a limit and requests for room take turns on the same lock."""
    found = desk(instances=20)
    limits = StoredLimits(
        found.database, DefaultLimits(instances=20, cores=UNLIMITED, ram=UNLIMITED)
    )
    sets = QuotaSets(found.database, limits)

    def lower(limit: int) -> bool:
        try:
            sets.change("p", None, {"instances": limit})
        except Invalid:
            return False
        return True

    with ThreadPoolExecutor(max_workers=4) as threads:
        lowering = [threads.submit(lower, limit) for limit in (6, 8, 10, 12)]
        promised, _ = found.accept_all([{}] * 30)
        was_lowered = [each.result(60) for each in lowering]
    in_force = sets.of("p")["instances"]
    assert len(promised) <= in_force
    assert in_force == 20 or any(was_lowered)
    found.assert_holds_exactly(promised)
    sets.reset("p")
    assert sets.of("p")["instances"] == 20


def test_driver_without_limits_accepts_whatever_is_set(desk: Callable[..., Desk]) -> None:
    found = desk(instances=1)
    found.set_limit("instances", 1)
    found.set_limit("server_groups", 0, user="u")
    limits = NoLimits()
    free = Desk(found.database, limits)
    promised, refusals = free.accept_all([{"high": 2}] * 20)
    assert (len(promised), refusals) == (40, [])
    free.assert_holds_exactly(promised)
    assert set(QuotaSets(found.database, limits).of("p", "u").values()) == {UNLIMITED}
    assert limits.key_pairs("p", "u") == limits.metadata_items("p", "u") == UNLIMITED
    # Whoever changes the driver back has the limits, and the count, at once.
    with pytest.raises(OverQuota, match="already used 40 of 1 instances"):
        found.accept()


class OneLimit:
    """An identity service with one limit."""

    def __init__(self, name: str, limit: int) -> None:
        self._limits = {name: limit}

    def registered(self) -> Mapping[str, int]:
        return self._limits

    def of_project(self, project_id: str) -> Mapping[str, int]:
        return self._limits


@pytest.mark.parametrize(
    ("name", "limit"),
    [("servers", 5), ("class:VCPU", 11), ("class:MEMORY_MB", 5 * 512), ("class:DISK_GB", 5)],
)
def test_parallel_requests_end_with_exactly_what_keystone_allows(
    desk: Callable[..., Desk], name: str, limit: int
) -> None:
    """Count quota from placement and mappings; unified limits with oslo.limit semantics

    Same race as with limits of this database; each server takes 2 vCPUs, 512 MiB and 1 GiB.
    """
    rules = Rules(Strategy.REQUIRE, frozenset())
    found = Desk(desk().database, UnifiedLimits(OneLimit(name, limit), rules))
    promised, refusals = found.accept_all([{}] * 30)
    assert (len(promised), len(refusals)) == (5, 25)
    assert all(refusal.startswith(f"Quota exceeded for {name}: ") for refusal in refusals)
    found.assert_holds_exactly(promised)


def test_usage_by_class_is_that_of_living_servers(desk: Callable[..., Desk]) -> None:
    found = desk()
    found.accept(high=3)
    found.accept(project="other")
    gone, before, unknown = found.accept(high=3)
    with found.database.write() as tx:
        instance_mappings.queue_for_delete(tx, [gone.uuid])
        # As the release before wrote them; one has not even a request spec.
        rows = sa.update(mappings).where(mappings.c.instance_uuid.in_([before.uuid, unknown.uuid]))
        tx.execute(rows.values(resources=None))
        tx.execute(sa.delete(request_specs).where(request_specs.c.instance_uuid == unknown.uuid))
    with found.database.read() as tx:
        used = instance_mappings.class_usage(tx, "p")
        assert instance_mappings.class_usage(tx, "nobody") == {}
    assert used == {"VCPU": 5 * 2, "MEMORY_MB": 5 * 512, "DISK_GB": 4}


def test_what_was_set_for_projects_and_users_can_be_listed(desk: Callable[..., Desk]) -> None:
    database = desk().database
    with database.write() as tx:
        for project, user, limits in (
            ("p", "", {"instances": 3, "ram": -1}),
            ("q", "", {"cores": 9}),
            ("q", "u", {"cores": 1, "ram": 1}),
            ("p", "u", {"cores": 2}),
        ):
            quota_rows.set_project_limits(tx, project, limits, user)
    with database.read() as tx:
        assert quota_rows.limits_of_projects(tx) == {
            "p": {"instances": 3, "ram": -1},
            "q": {"cores": 9},
        }
        assert quota_rows.limits_of_projects(tx, "q") == {"q": {"cores": 9}}
        assert (quota_rows.count_users(tx), quota_rows.count_users(tx, "q")) == (2, 1)


def test_classes_in_use_are_those_of_all_living_servers(desk: Callable[..., Desk]) -> None:
    found = desk()
    [server] = found.accept()
    found.accept(project="other")
    with found.database.read() as tx:
        assert instance_mappings.classes_in_use(tx) == {"VCPU", "MEMORY_MB", "DISK_GB"}
    with found.database.write() as tx:
        tx.execute(sa.update(mappings).values(resources={"CUSTOM_X": 1}))
        instance_mappings.queue_for_delete(tx, [server.uuid])
        tx.execute(
            sa.update(mappings)
            .where(mappings.c.project_id == "other")
            .values(resources={"CUSTOM_Y": 1})
        )
        assert instance_mappings.classes_in_use(tx) == {"CUSTOM_Y"}
