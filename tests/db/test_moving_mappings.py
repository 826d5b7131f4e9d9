"""What moving servers count for, on real databases."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest
import sqlalchemy as sa

from groundwork.columns import now
from groundwork.database import Database
from nova.db.api import instance_mappings, moving_mappings
from nova.db.api.models import cell_mappings, request_specs
from nova.db.api.models import instance_mappings as mappings
from nova.db.api.moving_mappings import Sizes, Unsettled
from nova.domain.flavor import Flavor
from nova.domain.request_spec import RequestSpec

SMALL = Flavor(flavorid="1", name="small", vcpus=1, memory_mb=512, root_gb=10)
OTHER = Flavor(flavorid="2", name="other", vcpus=4, memory_mb=256, root_gb=10)
SPEC = RequestSpec(project_id="p", user_id="u", flavor=SMALL)


@pytest.fixture
def server(api_database: Database) -> str:
    """A mapped server of the small flavor."""
    server_uuid = str(uuid.uuid4())
    with api_database.write() as tx:
        key = tx.execute(
            sa.insert(cell_mappings).values(
                uuid=str(uuid.uuid4()),
                name="cell",
                transport_url="none:///",
                database_connection="none:///",
                disabled=False,
                created_at=now(),
            )
        ).inserted_primary_key
        assert key is not None
        tx.execute(
            sa.insert(mappings).values(
                instance_uuid=server_uuid,
                cell_id=key[0],
                project_id="p",
                user_id="u",
                vcpus=1,
                memory_mb=512,
                queued_for_delete=False,
                resources=dict(Sizes.of(SPEC).resources),
                created_at=now(),
            )
        )
        spec = msgspec.to_builtins(SPEC)
        tx.execute(
            sa.insert(request_specs).values(instance_uuid=server_uuid, spec=spec, created_at=now())
        )
    return server_uuid


def marked(database: Database) -> list[Unsettled]:
    with database.read() as tx:
        return list(moving_mappings.unsettled(tx, after_id=0, limit=10))


def counted(database: Database) -> tuple[int, int, dict[str, int]]:
    with database.read() as tx:
        used = instance_mappings.usage(tx, "p")
        return used.cores, used.ram_mb, instance_mappings.class_usage(tx, "p")


def test_a_marked_server_counts_the_larger_of_everything(
    api_database: Database, server: str
) -> None:
    assert marked(api_database) == []
    wanted = Sizes.of(replace(SPEC, flavor=OTHER))
    for _ in range(2):
        assert api_database.run(lambda tx: moving_mappings.mark(tx, server, wanted))
    larger = {"VCPU": 4, "MEMORY_MB": 512, "DISK_GB": 10}
    assert counted(api_database) == (4, 512, larger)
    [mark] = marked(api_database)
    assert (mark.server_uuid, mark.spec, mark.counted) == (server, SPEC, Sizes(4, 512, larger))


def test_a_settled_server_counts_what_it_is(api_database: Database, server: str) -> None:
    spec = replace(SPEC, flavor=OTHER)
    wanted = Sizes.of(spec)
    api_database.run(lambda tx: moving_mappings.mark(tx, server, wanted))
    api_database.run(lambda tx: moving_mappings.count(tx, server, wanted))
    assert counted(api_database)[:2] == (4, 256)
    [mark] = marked(api_database)
    assert api_database.run(lambda tx: moving_mappings.settle(tx, mark, wanted, spec, "host"))
    assert marked(api_database) == []
    with api_database.read() as tx:
        known = instance_mappings.known_server(tx, server)
    assert known is not None
    assert known.spec == spec
    # A mapping that nobody has marked is nobody's to count.
    api_database.run(lambda tx: moving_mappings.count(tx, server, Sizes.of(SPEC)))
    assert counted(api_database)[:2] == (4, 256)


def test_what_was_marked_anew_is_not_settled(api_database: Database, server: str) -> None:
    wanted = Sizes.of(replace(SPEC, flavor=OTHER))
    api_database.run(lambda tx: moving_mappings.mark(tx, server, wanted))
    [mark] = marked(api_database)
    outdated = replace(mark, unsettled_at=mark.unsettled_at - timedelta(seconds=1))
    sizes = Sizes.of(SPEC)
    assert not api_database.run(
        lambda tx: moving_mappings.settle(tx, outdated, sizes, SPEC, "host")
    )
    assert marked(api_database) == [mark]
    assert counted(api_database)[0] == 4


def test_nothing_is_marked_of_a_server_that_is_unknown(api_database: Database) -> None:
    wanted = Sizes.of(SPEC)
    assert not api_database.run(lambda tx: moving_mappings.mark(tx, str(uuid.uuid4()), wanted))
