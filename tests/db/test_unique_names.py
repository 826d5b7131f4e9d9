"""Names that may be there once: over build requests and cells, on each engine, however many ask at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import msgspec
import pytest
import sqlalchemy as sa

from groundwork.columns import now
from groundwork.context import RequestContext
from groundwork.database import Database
from groundwork.errors import Conflict, Unavailable
from nova.cells.registry import CELL0_UUID, Registry
from nova.cells.scatter import Scatter
from nova.cells.target import Targets
from nova.db.api import builds
from nova.db.api.models import build_requests, cell_mappings
from nova.db.cell import server_names, servers
from nova.domain.flavor import Flavor
from nova.domain.request_spec import RequestSpec
from nova.domain.server import Server
from nova.lifecycle.accept import CreateRequest, Intake
from nova.lifecycle.unique_names import NameScope, UniqueNames
from nova.quota.limits import DefaultLimits
from nova.quota.stored import StoredLimits

FLAVOR = Flavor(flavorid="1", name="tiny", vcpus=1, memory_mb=64, root_gb=1)


class Silence:
    """A bus to which nobody listens."""

    def cast(self, _context: RequestContext, _address: Any, _message: Any) -> None:
        """Nobody hears it."""


class Cloud:
    """cell0 and a cell, and a desk where names have to be unique."""

    def __init__(self, make_database: Callable[..., Database], scope: NameScope) -> None:
        self.api_database = make_database("api")
        self.cells = {CELL0_UUID: make_database("cell"), str(uuid4()): make_database("cell")}
        with self.api_database.write() as tx:
            for cell_uuid, database in self.cells.items():
                tx.execute(
                    sa.insert(cell_mappings).values(
                        uuid=cell_uuid,
                        name=cell_uuid[:5],
                        transport_url="none:///",
                        database_connection=database.url,
                        created_at=now(),
                    )
                )
        by_url = {database.url: database for database in self.cells.values()}
        self.registry = Registry(self.api_database)
        targets = Targets(
            open_database=lambda url: by_url.get(url) or Database(url),
            open_bus=lambda url: None,  # type: ignore[arg-type, return-value]
        )
        self.scatter = Scatter(targets, threads=4, deadline_s=60)
        self.intake = Intake(
            api_database=self.api_database,
            limits=StoredLimits(self.api_database, DefaultLimits(instances=-1, cores=-1, ram=-1)),
            api_bus=Silence(),  # type: ignore[arg-type]
            unique_names=UniqueNames(
                scope,
                api_database=self.api_database,
                registry=self.registry,
                scatter=self.scatter,
            ),
        )

    def create(self, name: str, project: str = "p", count: int = 1) -> list[Server]:
        template = Server(
            uuid="",
            project_id=project,
            user_id="u",
            display_name=name,
            flavor=FLAVOR,
            vm_state="building",
            created_at=now(),
            reservation_id="r-1",
        )
        spec = RequestSpec(project_id=project, user_id="u", flavor=FLAVOR)
        context = RequestContext(user_id="u", project_id=project, overwrite=False)
        request = CreateRequest(template=template, spec=spec, min_count=count, max_count=count)
        return list(self.intake.accept(context, request))

    def hand_over(self, server: Server, cell_uuid: str | None = None) -> Database:
        """As the conductor does: first the cell, then the API database."""
        cell = self.registry.by_uuid(cell_uuid or list(self.cells)[1])
        database = self.cells[cell.uuid]
        with database.write() as tx:
            servers.insert_if_absent(tx, server)
        assert self.api_database.run(lambda tx: builds.hand_over(tx, server.uuid, cell.id))
        return database


@pytest.fixture
def make_cloud(make_database: Callable[..., Database]) -> Iterator[Callable[..., Cloud]]:
    made: list[Cloud] = []

    def make(scope: NameScope = NameScope.PROJECT) -> Cloud:
        made.append(Cloud(make_database, scope))
        return made[-1]

    yield make
    for cloud in made:
        cloud.scatter.close()


def test_a_name_is_free_again_when_its_server_is_deleted(make_cloud: Callable[..., Cloud]) -> None:
    cloud = make_cloud()
    [first] = cloud.create("Web")
    with pytest.raises(Conflict, match="name Web already exists"):
        cloud.create("wEB")
    database = cloud.hand_over(first)
    with pytest.raises(Conflict, match="name Web already exists"):
        cloud.create("web")
    cloud.create("web ")
    cloud.create("web", project="q")
    with database.write() as tx:
        servers.mark_deleted(tx, first.uuid, now=now())
    cloud.create("web")


def test_names_of_servers_that_failed_and_of_several_at_once_count(
    make_cloud: Callable[..., Cloud],
) -> None:
    cloud = make_cloud()
    [failed] = cloud.create("a-2")
    cloud.hand_over(failed, CELL0_UUID)
    with pytest.raises(Conflict, match="a-2"):
        cloud.create("a", count=2)
    assert [server.display_name for server in cloud.create("b", count=2)] == ["b-1", "b-2"]
    with pytest.raises(Conflict, match="b-1"):
        cloud.create("b-1")


def test_a_global_name_is_taken_for_every_project(make_cloud: Callable[..., Cloud]) -> None:
    cloud = make_cloud(NameScope.GLOBAL)
    [waiting] = cloud.create("waiting")
    [there] = cloud.create("there")
    cloud.hand_over(there)
    for name in ("waiting", "THERE"):
        with pytest.raises(Conflict):
            cloud.create(name, project="q")
    assert waiting.uuid != there.uuid


@pytest.mark.parametrize("scope", list(NameScope))
def test_of_many_at_once_one_gets_the_name(
    make_cloud: Callable[..., Cloud], scope: NameScope
) -> None:
    """Some of them while the first is on its way into a cell, where it is in neither place at some moments."""
    cloud = make_cloud(scope)
    projects = ["p"] if scope is NameScope.PROJECT else ["p", "q", "r"]

    def one(number: int) -> int:
        try:
            [made] = cloud.create("one", project=projects[number % len(projects)])
        except Conflict:
            return 0
        cloud.hand_over(made)
        return 1

    with ThreadPoolExecutor(max_workers=12) as threads:
        assert sum(threads.map(one, range(40))) == 1


def test_nobody_gets_a_name_that_a_silent_cell_may_have(make_cloud: Callable[..., Cloud]) -> None:
    cloud = make_cloud()
    cloud.hand_over(*cloud.create("there"))
    lost = list(cloud.cells)[1]
    with cloud.api_database.write() as tx:
        tx.execute(
            sa.update(cell_mappings)
            .where(cell_mappings.c.uuid == lost)
            .values(database_connection="sqlite:////nowhere/lost.db")
        )
    cloud.registry.forget()
    with pytest.raises(Unavailable, match="not known whether the name is taken"):
        cloud.create("other")
    with cloud.api_database.read() as tx:
        assert not tx.execute(sa.select(build_requests)).all()
    # The other project has no server there.
    cloud.create("other", project="q")


def test_names_in_a_cell_are_found_whatever_their_case(cell_database: Database) -> None:
    template = Server(
        uuid="",
        project_id="p",
        user_id="u",
        display_name="",
        flavor=FLAVOR,
        vm_state="active",
        created_at=now(),
    )
    names = ["Web", "WEB ", "Ä", "à", "日本", None, ""]
    with cell_database.write() as tx:
        for name in names:
            servers.insert_if_absent(
                tx, msgspec.structs.replace(template, uuid=str(uuid4()), display_name=name)
            )
    with cell_database.read() as tx:

        def taken(*wanted: str, project_id: str | None = "p") -> list[str]:
            return sorted(server_names.taken(tx, wanted, project_id=project_id))

        assert taken("wEB") == taken("web", project_id=None) == ["Web"]
        assert taken("web", "lost", "WEB ") == ["WEB ", "Web"]
        assert taken("Ä") == ["Ä"]
        assert taken("a") == []
        assert taken("日本") == ["日本"]
        assert taken("") == [""]
        assert taken("web", project_id="q") == []
