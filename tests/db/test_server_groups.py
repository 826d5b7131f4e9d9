"""Server groups on real databases: limits under parallel requests, places under parallel decisions."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa

from groundwork.columns import now
from groundwork.context import RequestContext
from groundwork.database import Database, Transaction
from groundwork.errors import OverQuota
from nova.db.api import server_groups
from nova.db.api.models import instance_mappings, quotas, server_group_members
from nova.db.api.models import server_groups as groups
from nova.db.api.server_groups import Group, Member
from nova.domain.flavor import Flavor
from nova.domain.request_spec import RequestSpec
from nova.domain.server import Server
from nova.domain.server_group import GroupPolicy
from nova.lifecycle.accept import CreateRequest, Intake
from nova.quota.limits import DefaultLimits
from nova.quota.server_groups import spend_group
from nova.quota.stored import StoredLimits

FLAVOR = Flavor(flavorid="1", name="tiny", vcpus=1, memory_mb=64, root_gb=1)


class Silence:
    """A bus to which nobody listens."""

    def cast(self, *_: Any) -> None:
        """Nobody hears it."""


def make_group(database: Database, **more: Any) -> Group:
    fields = {"project_id": "p", "user_id": "u", "name": "g", "max_server_per_host": None}
    fields |= {"policy": GroupPolicy.ANTI_AFFINITY, **more}
    return database.run(lambda tx: server_groups.create(tx, **fields))


def all_at_once(work: Callable[[], Any], times: int) -> int:
    """How many of these calls were let through."""

    def one(_number: int) -> int:
        try:
            work()
        except OverQuota:
            return 0
        return 1

    with ThreadPoolExecutor(max_workers=times) as pool:
        return sum(pool.map(one, range(times)))


def test_parallel_groups_at_the_limit(api_database: Database) -> None:
    """key_pairs per user, server_groups and server_group_members are countable with recheck"""
    limits = StoredLimits(api_database, DefaultLimits(server_groups=3))

    def insert(tx: Transaction) -> Group:
        return server_groups.create(
            tx,
            project_id="p",
            user_id="u",
            name="g",
            policy=GroupPolicy.AFFINITY,
            max_server_per_host=None,
        )

    assert all_at_once(lambda: spend_group(api_database, limits, "p", "u", insert), 8) == 3
    with api_database.read() as tx:
        assert server_groups.count(tx, "p") == 3
        assert server_groups.count(tx, "p", "u") == 3
        assert server_groups.count(tx, "p", "other") == 0


def test_parallel_members_at_the_limit(api_database: Database) -> None:
    """key_pairs per user, server_groups and server_group_members are countable with recheck"""
    defaults = DefaultLimits(instances=-1, cores=-1, ram=-1, server_group_members=4)
    limits = StoredLimits(api_database, defaults)
    intake = Intake(api_database=api_database, limits=limits, api_bus=Silence())  # type: ignore[arg-type]
    group = make_group(api_database)

    def create() -> None:
        template = Server(
            uuid="",
            project_id="p",
            user_id="u",
            display_name="one",
            flavor=FLAVOR,
            vm_state="building",
            created_at=now(),
            reservation_id="r-1",
        )
        spec = RequestSpec(
            project_id="p", user_id="u", flavor=FLAVOR, group=group.without_members()
        )
        request = CreateRequest(template=template, spec=spec, min_count=2, max_count=2)
        intake.accept(RequestContext(user_id="u", project_id="p", overwrite=False), request)

    assert all_at_once(create, 6) == 2
    with api_database.read() as tx:
        assert server_groups.count_members(tx, group.id, "u") == 4
        mapped = set(tx.execute(sa.select(instance_mappings.c.instance_uuid)).scalars())
        members = server_groups.members_of(tx, [group.id])[group.id]
    assert set(members) == mapped, "a refused create leaves nothing"


def test_user_may_have_a_limit_of_their_own(api_database: Database) -> None:
    with api_database.write() as tx:
        tx.execute(
            sa.insert(quotas).values(
                project_id="p", user_id="u", resource="server_groups", hard_limit=1
            )
        )
    limits = StoredLimits(api_database, DefaultLimits())
    make_group(api_database, user_id="other")
    spend_group(api_database, limits, "p", "u", lambda tx: 1)
    make_group(api_database)
    with pytest.raises(OverQuota):
        spend_group(api_database, limits, "p", "u", lambda tx: 1)
    spend_group(api_database, limits, "p", "other", lambda tx: 1)


def test_decisions_about_one_group_take_turns(api_database: Database) -> None:
    group = make_group(api_database)
    servers = [str(uuid.uuid4()) for _ in range(8)]
    api_database.run(lambda tx: server_groups.join(tx, group.id, servers))

    def reserve(server: str) -> None:
        def work(tx: Transaction) -> None:
            assert server_groups.lock(tx, group.uuid) is not None
            taken = {member.host for member in server_groups.members(tx, group.id)}
            free = next(f"host{n}" for n in range(20) if f"host{n}" not in taken)
            server_groups.place(tx, server, free)

        api_database.run(work)

    with ThreadPoolExecutor(max_workers=8) as pool:
        list(pool.map(reserve, servers))
    with api_database.read() as tx:
        found = server_groups.members(tx, group.id)
        last = server_groups.find(tx, group.uuid)
    assert {member.host for member in found} == {f"host{n}" for n in range(8)}
    assert last is not None
    assert last.generation == 8


def test_members_tell_their_cell_and_whether_they_are_leaving(api_database: Database) -> None:
    group = make_group(api_database)
    stays, leaves, purged = (str(uuid.uuid4()) for _ in range(3))
    with api_database.write() as tx:
        for server, is_leaving in ((stays, False), (leaves, True)):
            tx.execute(
                sa.insert(instance_mappings).values(
                    instance_uuid=server,
                    project_id="p",
                    user_id="u",
                    vcpus=1,
                    memory_mb=1,
                    queued_for_delete=is_leaving,
                    created_at=now(),
                )
            )
        server_groups.join(tx, group.id, [stays, leaves, purged])
        server_groups.place(tx, stays, "host")
    with api_database.read() as tx:
        assert server_groups.members(tx, group.id) == (
            Member(stays, "host", None, False, True),
            Member(leaves, None, None, True, True),
            Member(purged, None, None, False, False),
        )
        assert server_groups.members_of(tx, [group.id]) == {group.id: [stays]}
    api_database.run(lambda tx: server_groups.leave(tx, [purged]))
    api_database.run(lambda tx: server_groups.delete(tx, group.uuid))
    with api_database.read() as tx:
        assert tx.execute(sa.select(groups)).all() == []
        assert tx.execute(sa.select(server_group_members)).all() == []
