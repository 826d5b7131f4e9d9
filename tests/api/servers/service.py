"""``/servers`` over a deployment whose rows the tests put in; accepted builds stay where they were recorded."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from groundwork.context import RequestContext
from groundwork.errors import NotFound
from nova.api.compute.servers.boot_source import BootSource
from nova.api.compute.servers.create_request import CreateOptions, CreateRequests
from nova.api.compute.servers.deletion import Deletion
from nova.api.compute.servers.host_status import HostStatuses
from nova.api.compute.servers.listing import ServerLists
from nova.api.compute.servers.operations import ServerOperations
from nova.api.compute.servers.views import ServerView
from nova.api.compute.volume_attachments.operations import VolumeAttachments
from nova.cells.registry import Cell
from nova.cells.servers import Servers
from nova.cells.unreachable import UnreachableServers
from nova.clients.glance import Image
from nova.clients.user_token import OnBehalf
from nova.clients.volumes import UserVolumes
from nova.db.api import builds, flavors, models, server_groups
from nova.db.cell import servers
from nova.domain.flavor import Flavor
from nova.lifecycle.accept import Intake
from nova.lifecycle.operations import OPERATIONS
from nova.lifecycle.unique_names import NameScope, UniqueNames
from nova.quota.limits import DefaultLimits
from nova.quota.stored import StoredLimits
from nova.saga.journal import Journal
from nova.saga.operation import Place
from nova.saga.store import CellStore
from tests.api.deployment import PROJECT, Deployment
from tests.fakes.cinder import FakeCinder
from tests.unit.clients.services import make_service

IMAGE = "70a599e0-31e7-49b7-b260-868f441e862b"


class OneImage:
    """The images of a cloud that has one."""

    def get(self, _context: RequestContext, image_id: str) -> Image:
        if image_id != IMAGE:
            raise NotFound(f"Image {image_id} could not be found.")
        return Image(
            id=IMAGE,
            name="tiny",
            status="active",
            size_bytes=1000,
            min_disk_gb=0,
            min_ram_mb=0,
            disk_format="raw",
            container_format="bare",
            visibility="public",
            owner=None,
            properties={"architecture": "x86_64", "auto_disk_config": "True"},
        )


class Silence:
    """A bus and a hinter to which nobody listens."""

    def cast(self, _context: RequestContext, _address: Any, _message: Any) -> None:
        """Nobody hears it."""

    def hint(self, _place: Place, _host: str | None, _operation_id: int) -> None:
        """Nobody hears it."""


class ServerCloud(Deployment):
    """A deployment that serves ``/servers``."""

    def serve_servers(
        self,
        *,
        skip_down_cells: bool = True,
        has_volumes: bool = True,
        names: NameScope | None = None,
        **limits: int,
    ) -> None:
        """``limits`` are the defaults of quotas; everything else is unlimited."""
        self.cinder = FakeCinder()
        cinder = make_service(application=self.cinder, service_type="volumev3")
        volumes = UserVolumes(cinder, on_behalf=OnBehalf())
        unlimited = {"instances": -1, "cores": -1, "ram": -1}
        found = StoredLimits(self.api_database, DefaultLimits(**{**unlimited, **limits}))
        found_servers = Servers(
            api_database=self.api_database,
            registry=self.registry,
            targets=self.targets,
            scatter=self.scatter,
        )
        intake = Intake(
            api_database=self.api_database,
            limits=found,
            api_bus=Silence(),  # type: ignore[arg-type]
            unique_names=names
            and UniqueNames(
                names,
                api_database=self.api_database,
                registry=self.registry,
                scatter=self.scatter,
            ),
        )
        self.serve(
            ServerOperations(
                servers=found_servers,
                unreachable_servers=UnreachableServers(self.api_database),
                requests=CreateRequests(
                    api_database=self.api_database,
                    boot_source=BootSource(
                        images=OneImage(),  # type: ignore[arg-type]
                        volumes=volumes if has_volumes else None,
                    ),
                    limits=found,
                    upgrades=self.upgrades,
                    options=CreateOptions(),
                ),
                intake=intake,
                deletion=Deletion(
                    api_database=self.api_database,
                    servers=found_servers,
                    targets=self.targets,
                    intake=intake,
                    journal_of=self.journal_of,
                ),
                lists=ServerLists(paging=self.paging),
                view=ServerView(
                    links=self.links, instance_name=lambda server: f"instance-{server.id:08x}"
                ),
                links=self.links,
                host_statuses=HostStatuses(service_down_time_s=60),
                skip_down_cells=skip_down_cells,
            ),
            VolumeAttachments(servers=found_servers),
        )

    def journal_of(self, cell: Cell) -> Journal:
        return Journal(self.targets.database(cell), CellStore(), OPERATIONS, Silence())

    def add_flavor(self, flavorid: str = "1", **fields: Any) -> None:
        flavor = Flavor(
            **{
                "flavorid": flavorid,
                "name": f"flavor {flavorid}",
                "vcpus": 1,
                "memory_mb": 512,
                "root_gb": 1,
                **fields,
            }
        )
        with self.api_database.write() as tx:
            flavors.create_flavor(tx, flavor)

    def add_group(self, group_uuid: str) -> None:
        """An anti-affinity group of the project; one that is there already stays."""
        with self.api_database.write() as tx:
            if server_groups.find(tx, group_uuid) is None:
                tx.execute(
                    sa.insert(models.server_groups).values(
                        uuid=group_uuid,
                        project_id=PROJECT,
                        user_id="fake",
                        name="g",
                        policy="anti-affinity",
                        generation=0,
                        created_at=self.now,
                    )
                )

    def answer(self, path: str, *, status: int = 200, **how: Any) -> Any:
        """The JSON of an answer with this status."""
        got = self.request(path, **how)
        assert got.status_int == status, got.text
        return got.json if got.body else None

    def refused(self, path: str, status: int, **how: Any) -> str:
        """The text of a refusal."""
        [told] = self.answer(path, status=status, **how).values()
        assert told["code"] == status
        return str(told["message"])

    def move_to_cell(self, uuid: str, cell: str) -> None:
        """As if the build had been handed over to that cell and its host."""
        with self.api_database.read() as tx:
            build = builds.find(tx, uuid)
        assert build is not None
        with self.databases[cell].write() as tx:
            servers.insert_if_absent(tx, build.server)
        with self.api_database.write() as tx:
            assert builds.hand_over(tx, uuid, self.cell(cell).id)
