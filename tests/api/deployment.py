"""A deployment for tests of the API: two cells and cell0 on SQLite, a Placement in this process, a set clock."""

from __future__ import annotations

import functools
import json
import tempfile
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import webob
from oslo_config import cfg

import nova.db.api.schema
import nova.db.cell.schema
from groundwork import columns, migrations
from groundwork.application import Application
from groundwork.database import Database
from groundwork.errors import NotFound
from groundwork.operations import Call
from groundwork.policy import Policy
from nova import policies
from nova.api.dialect import ComputeDialect
from nova.api.links import Links
from nova.api.paging import Paging
from nova.availability_zones import ZoneNames
from nova.cells.registry import CELL0_UUID, Cell, Registry
from nova.cells.scatter import Scatter
from nova.cells.service_versions import ServiceVersions
from nova.cells.target import Targets
from nova.clients.placement import Placement
from nova.db.api.models import (
    aggregate_hosts,
    aggregate_metadata,
    aggregates,
    cell_mappings,
    host_mappings,
    instance_mappings,
)
from nova.db.cell import compute_nodes, servers, services
from nova.db.cell.compute_nodes import ComputeNodeRow
from nova.db.cell.services import ServiceRow
from nova.domain.flavor import Flavor
from nova.domain.server import Server
from nova.domain.service_versions import SERVICE_VERSION
from nova.lifecycle.upgrades import Upgrades
from nova.virt.driver import NodeFacts
from tests.fakes.placement import FakePlacement
from tests.unit.clients.services import make_service

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
PROJECT = "6f70656e737461636b20342065766572"
_SCHEMAS = {"api": nova.db.api.schema.FOLDER, "cell": nova.db.cell.schema.FOLDER}
SAMPLES = Path(__file__).with_name("samples")


class Deployment:
    """Rows go in through the methods; ``request`` asks the API over whatever resources were put in."""

    def __init__(self, folder: Path, *, cells: int = 2) -> None:
        """Its databases are files in ``folder``."""
        self._folder = folder
        self.api_database = self._make_database("api", "api")
        self.databases: dict[str, Database] = {}
        self._by_url: dict[str, Database] = {}
        self.now = NOW
        numbered = [(f"cell{number}", _uuid(number)) for number in range(1, cells + 1)]
        for name, cell_uuid in (("cell0", CELL0_UUID), *numbered):
            database = self._make_database(name, "cell")
            self.databases[name] = self._by_url[database.url] = database
            self._insert(
                cell_mappings,
                uuid=cell_uuid,
                name=name,
                transport_url="none:///",
                database_connection=database.url,
                disabled=False,
                created_at=NOW,
            )
        self.registry = Registry(self.api_database)
        self.targets = Targets(open_database=self._open, open_bus=_no_bus)
        self.scatter = Scatter(self.targets, threads=4, deadline_s=10)
        computes = ServiceVersions(registry=self.registry, scatter=self.scatter, fresh_s=0)
        self.upgrades = Upgrades(computes)
        self.fake_placement = FakePlacement()
        self.placement = Placement(make_service(application=self.fake_placement))
        self.zone_names = ZoneNames(default="nova", internal="internal")
        self.paging = Paging(max_limit=1000)
        self.links = Links()
        conf = cfg.ConfigOpts()
        conf([], default_config_files=[])
        self._policy = Policy(conf, policies.rules())
        self._application: Application | None = None

    def close(self) -> None:
        self.scatter.close()
        self.targets.close()
        self.api_database.dispose()

    def serve(self, *resources: object) -> None:
        """Make the API out of these resources; answers that break their declared schema fail the test."""
        self._application = Application(
            resources,
            dialect=ComputeDialect(),
            policy=self._policy,
            check_answers="error",
            version_prefix="/v2.1",
        )

    def clock(self) -> datetime:
        return self.now

    def request(
        self,
        path: str,
        *,
        version: str = "2.1",
        method: str = "GET",
        body: Any = None,
        roles: str = "admin",
        project: str = PROJECT,
    ) -> webob.Response:
        """Ask as a user of ``project`` with these roles (comma separated)."""
        request = webob.Request.blank(f"/v2.1{path}", base_url="http://openstack.example.com")
        request.script_name, request.path_info = "/v2.1", request.path_info.removeprefix("/v2.1")
        request.method = method
        request.headers["X-User-Id"] = "admin"
        request.headers["X-Project-Id"] = project
        request.headers["X-Roles"] = roles
        request.headers["OpenStack-API-Version"] = f"compute {version}"
        if body is not None:
            request.content_type = "application/json"
            request.body = json.dumps(body).encode()
        assert self._application is not None, "serve() comes first"
        return request.get_response(self._application)

    def cell(self, name: str) -> Cell:
        return next(cell for cell in self.registry.all() if cell.name == name)

    def silence(self, name: str) -> None:
        """Make a cell's database unreachable."""
        with self.api_database.write() as tx:
            tx.execute(
                sa.update(cell_mappings)
                .where(cell_mappings.c.name == name)
                .values(database_connection="sqlite:////nowhere/lost.db")
            )
        self.registry.forget()

    def add_service(
        self,
        cell: str,
        host: str,
        binary: str = "nova-compute",
        *,
        age_s: int = 5,
        disabled: bool = False,
        version: int = SERVICE_VERSION,
    ) -> ServiceRow:
        """A service that reported ``age_s`` seconds ago; hosts of computes are mapped."""
        with self.databases[cell].write() as tx:
            row = services.register(
                tx,
                host,
                binary,
                str(uuid.uuid4()),
                version=version,
                enabled=not disabled,
                now=self.now - timedelta(seconds=age_s),
            )
        if binary == "nova-compute":
            self.map_host(cell, host)
        return row

    def map_host(self, cell: str, host: str) -> None:
        with self.api_database.read() as tx:
            known = tx.execute(sa.select(host_mappings).where(host_mappings.c.host == host)).first()
        if known is None:
            cell_id = self.cell(cell).id
            self._insert(host_mappings, host=host, cell_id=cell_id, created_at=NOW)

    def add_node(
        self, cell: str, host: str, name: str | None = None, **facts: Any
    ) -> ComputeNodeRow:
        """A node of a host, in Placement too."""
        told = NodeFacts(
            **{
                "hypervisor_type": "fake",
                "hypervisor_version": 1000,
                "hypervisor_hostname": name or host,
                "host_ip": "192.0.2.7",
                "cpu_info": {"arch": "x86_64"},
                "vcpus": 8,
                "memory_mb": 8192,
                "local_gb": 1000,
                "uptime": " 08:32:11 up 93 days",
                **facts,
            }
        )
        with self.databases[cell].write() as tx:
            row = compute_nodes.report(tx, host, told, now=self.now)
        self.placement.create_provider(row.uuid, f"{row.hypervisor_hostname}-{row.uuid}")
        return row

    def add_compute(self, cell: str, host: str, **more: Any) -> tuple[ServiceRow, ComputeNodeRow]:
        """A compute service with one node."""
        return self.add_service(cell, host, **more), self.add_node(cell, host)

    def add_server(self, cell: str, **fields: Any) -> Server:
        """A server with its mapping."""
        server = make_server(**fields)
        with self.databases[cell].write() as tx:
            servers.insert_if_absent(tx, server)
        self.map_server(server, self.cell(cell).id)
        return server

    def map_server(self, server: Server, cell_id: int | None) -> None:
        self._insert(
            instance_mappings,
            instance_uuid=server.uuid,
            cell_id=cell_id,
            project_id=server.project_id,
            user_id=server.user_id,
            vcpus=1,
            memory_mb=1,
            queued_for_delete=False,
            created_at=NOW,
        )

    def add_zone(self, zone: str, *hosts: str) -> None:
        """An aggregate that puts these hosts into a zone."""
        aggregate_id = self._insert(aggregates, uuid=str(uuid.uuid4()), name=zone, created_at=NOW)
        self._insert(
            aggregate_metadata, aggregate_id=aggregate_id, key="availability_zone", value=zone
        )
        for host in hosts:
            self._insert(aggregate_hosts, aggregate_id=aggregate_id, host=host)

    def rows(self, table: sa.Table, *, cell: str | None = None) -> list[Any]:
        """All rows of a table of a cell's database or the API's."""
        with (self.databases[cell] if cell else self.api_database).read() as tx:
            return list(tx.execute(sa.select(table)))

    def _make_database(self, name: str, schema: str) -> Database:
        path = self._folder / f"{name}.db"
        path.write_bytes(_migrated(schema))
        return Database(f"sqlite:///{path}")

    def _insert(self, table: sa.Table, **values: Any) -> int:
        with self.api_database.write() as tx:
            return int(tx.execute(sa.insert(table).values(**values)).inserted_primary_key[0])

    def _open(self, url: str) -> Database:
        return self._by_url.get(url) or Database(url)


class AnyServer:
    """Finds servers by reading every cell; build requests are put in by the test."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self.build_requests: dict[str, Server] = {}

    def find(self, call: Call) -> Server:
        wanted = call.path["server_id"]
        if wanted in self.build_requests:
            return self.build_requests[wanted]
        for database in self._deployment.databases.values():
            with database.read() as tx:
                found = servers.find(tx, wanted, with_deleted=True)
            if found is not None:
                return found
        raise NotFound(f"Instance {wanted} could not be found.")


def make_server(**fields: Any) -> Server:
    """A server with only the given fields of interest."""
    return Server(
        **{
            "uuid": str(uuid.uuid4()),
            "project_id": PROJECT,
            "user_id": "fake",
            "display_name": "server",
            "flavor": Flavor(
                flavorid="1", name="m1", vcpus=2, memory_mb=512, root_gb=10, ephemeral_gb=5
            ),
            "vm_state": "active",
            "image_ref": str(uuid.uuid4()),
            "created_at": columns.now(),
            **fields,
        }
    )


def keys_of(value: Any) -> Any:
    """What an answer looks like: objects by key, lists by the forms of their items, the rest by nothing."""
    if isinstance(value, Mapping):
        return {key: keys_of(child) for key, child in sorted(value.items())}
    if isinstance(value, list):
        forms = [keys_of(child) for child in value]
        return [form for at, form in enumerate(forms) if form not in forms[:at]]
    return None


def sample(path: str) -> Any:
    """A documented answer."""
    return json.loads((SAMPLES / path).read_text())


@functools.cache
def _migrated(schema: str) -> bytes:
    """An empty database at the newest schema; made once per process, since that takes longer than most tests."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "empty.db")
        database = Database(f"sqlite:///{path}")
        migrations.upgrade(database, _SCHEMAS[schema])
        # The last connection that closes moves the log into the file.
        database.dispose()
        return path.read_bytes()


def _uuid(number: int) -> str:
    return f"c0000000-0000-4000-8000-{number:012d}"


def _no_bus(url: str) -> Any:
    raise AssertionError(f"the bus {url} is not needed here")
