"""A deployment of many cells that serves what spans them; in each cell the same things under the same numbers."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from nova.api.compute.hypervisors.operations import Hypervisors
from nova.api.compute.instance_actions.operations import InstanceActions
from nova.api.compute.migrations.operations import MigrationOperations
from nova.api.compute.server_migrations.operations import ServerMigrations
from nova.api.compute.servers.lookup import ServersOfPath
from nova.api.compute.services.operations import Services
from nova.api.compute.simple_tenant_usage.operations import SimpleTenantUsage
from nova.api.metadata.lookup import MappedServers
from nova.cells.migrations import Migrations
from nova.cells.scatter import Scatter
from nova.cells.servers import Servers
from nova.cells.usage import Usages
from nova.db.cell.models import instance_actions
from nova.domain.server import Server
from tests.api.deployment import NOW, PROJECT
from tests.api.moves import add_migration
from tests.api.servers.service import ServerCloud

# Longer than any test waits, so that a busy machine makes no cell late.
DEADLINE_S = 120.0


class CellsCloud(ServerCloud):
    """What tests ask. Names tell the cell: ``a-cell3`` is a server in cell3, on host ``host-cell3``."""

    def __init__(self, folder: Path, *, cells: int = 2) -> None:
        super().__init__(folder, cells=cells)
        self.scatter.close()
        self.scatter = Scatter(self.targets, threads=4 * cells, deadline_s=DEADLINE_S)
        self.names = [f"cell{number}" for number in range(1, cells + 1)]
        self.lookup = MappedServers(
            api_database=self.api_database, registry=self.registry, scatter=self.scatter
        )
        self.serve_servers()

    def serve(self, *resources: object) -> None:
        servers = Servers(
            api_database=self.api_database,
            registry=self.registry,
            targets=self.targets,
            scatter=self.scatter,
        )
        liveness: dict[str, Any] = {"service_down_time_s": 60, "clock": self.clock}
        super().serve(
            *resources,
            InstanceActions(
                servers=ServersOfPath(servers),
                api_database=self.api_database,
                registry=self.registry,
                scatter=self.scatter,
                paging=self.paging,
                links=self.links,
            ),
            MigrationOperations(
                migrations=Migrations(registry=self.registry, scatter=self.scatter),
                paging=self.paging,
                links=self.links,
            ),
            ServerMigrations(servers=servers, scatter=self.scatter),
            SimpleTenantUsage(
                usages=Usages(registry=self.registry, scatter=self.scatter, servers=servers),
                paging=self.paging,
                links=self.links,
                clock=self.clock,
            ),
            Services(
                registry=self.registry,
                scatter=self.scatter,
                targets=self.targets,
                api_database=self.api_database,
                placement=self.placement,
                zone_names=self.zone_names,
                **liveness,
            ),
            Hypervisors(
                api_database=self.api_database,
                registry=self.registry,
                scatter=self.scatter,
                paging=self.paging,
                links=self.links,
                instance_name_template="instance-%08x",
                **liveness,
            ),
        )

    def ask(
        self, path: str, *, version: str = "2.87", method: str = "GET", status: int = 200
    ) -> Any:
        answer = self.request(path, version=version, method=method)
        assert answer.status_int == status, answer.text
        return answer.json if answer.body else None

    def furnish(self, cell: str) -> Server:
        """One of everything; the rows have the same numbers in every cell."""
        host = f"host-{cell}"
        self.add_compute(cell, host)
        server = self.add_server(
            cell,
            display_name=f"a-{cell}",
            hostname=f"a-{cell}",
            host=host,
            node=host,
            launched_at=NOW - timedelta(hours=1),
        )
        add_migration(self, cell, server, source_compute=host)
        with self.databases[cell].write() as tx:
            tx.execute(
                sa.insert(instance_actions).values(
                    action=f"act-{cell}",
                    instance_uuid=server.uuid,
                    request_id="req-1",
                    user_id="fake",
                    project_id=PROJECT,
                    start_time=NOW,
                    state="done",
                    attempts=0,
                    cancel_requested=False,
                )
            )
        return server
