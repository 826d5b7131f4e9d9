"""``nova-manage`` over SQLite files: a deployment without cells, and one that was set up."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_DNS, uuid5

import pytest
import sqlalchemy as sa

from groundwork.columns import now
from groundwork.database import Database
from nova.clients.placement import Placement
from nova.cmd.manage.program import run
from nova.cmd.status.program import run as run_status
from nova.db.api.models import instance_mappings
from nova.db.cell import schema
from nova.db.cell.models import compute_nodes, instances, services
from tests.fakes import keystone
from tests.functional.embedded.plane import make_placement, serve
from tests.unit.clients.services import make_service

# No database answers to these: no URL, no such engine, an engine without a driver.
UNUSABLE_URLS = ["rubbish", "nosuchengine://h/x", "mssql+pyodbc://h/x"]
TRANSPORT = "rabbit://nova:secret@127.0.0.1:5672/cell1"


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command left behind."""

    status: int
    out: str
    err: str

    @property
    def line(self) -> str:
        """The only line of its output."""
        (line,) = self.out.splitlines()
        return line


def server_values(uuid: str, *, host: str | None = None, deleted: int = 0) -> dict[str, Any]:
    """The columns of a small server; one that is deleted has been so since now."""
    return {
        "uuid": uuid,
        "project_id": "p",
        "user_id": "u",
        "vm_state": "deleted" if deleted else "active",
        "deleted": deleted,
        "deleted_at": now() if deleted else None,
        "host": host,
        "node": host,
        "image_ref": "image",
        "flavorid": "1",
        "vcpus": 1,
        "memory_mb": 1,
        "root_gb": 1,
        "ephemeral_gb": 0,
        "flavor": {
            "flavorid": "1",
            "name": "small",
            "vcpus": 1,
            "memory_mb": 1,
            "root_gb": 1,
        },
        "metadata": {},
        "security_groups": [],
        "created_at": now(),
    }


class Manager:
    """Runs ``nova-manage`` with one configuration file, and looks at the databases it names."""

    def __init__(self, folder: Path, capture: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.config = folder / "nova.conf"
        self._capture = capture
        self._opened: list[Database] = []
        self.configure()

    def configure(self, transport_url: str = TRANSPORT, cell: str = "cell1") -> None:
        """Write the configuration of a process that belongs to ``cell``."""
        transport = f"transport_url = {transport_url}\n" if transport_url else ""
        self.config.write_text(
            f"[DEFAULT]\n{transport}"
            f"[api_database]\nconnection = {self.url('api')}\n"
            f"[database]\nconnection = {self.url(cell)}\n"
        )

    def use_placement(self, port: int) -> None:
        """Add the Placement at this port of this machine to the configuration."""
        url = f"http://127.0.0.1:{port}"
        with self.config.open("a") as config:
            config.write(
                f"[placement]\nauth_type = admin_token\ntoken = admin\nendpoint = {url}\n"
                f"endpoint_override = {url}\nconnect_retries = 0\n"
            )

    def use_keystone(self, group: str, port: int, **more: str) -> None:
        """Add credentials for the fake Keystone at this port of this machine to the configuration."""
        lines = [f"{name} = {value}\n" for name, value in (keystone.options(port) | more).items()]
        with self.config.open("a") as config:
            config.write("".join([f"[{group}]\nconnect_retries = 0\n", *lines]))

    def url(self, name: str) -> str:
        """The URL of the database file of that name; cell0's is where ``map_cell0`` puts it."""
        if name == "cell0":
            return f"{self.url('cell1')}_cell0"
        return f"sqlite:///{self.folder}/{name}.db"

    def database(self, name: str) -> Database:
        """The database of that name."""
        self._opened.append(Database(self.url(name)))
        return self._opened[-1]

    def __call__(self, *words: str) -> Ran:
        """Run the command in this process."""
        return self._run(run, words)

    def upgrade_check(self, *words: str) -> Ran:
        """Run ``nova-status upgrade check`` in this process."""
        return self.status("upgrade", "check", *words)

    def status(self, *words: str) -> Ran:
        """Run ``nova-status`` in this process."""
        return self._run(run_status, words)

    def _run(self, program: Callable[[Sequence[str]], int], words: Sequence[str]) -> Ran:
        self._capture.readouterr()
        try:
            status = program(["--config-file", str(self.config), *words])
        except SystemExit as exc:
            status = int(exc.code or 0)
        captured = self._capture.readouterr()
        return Ran(status, captured.out, captured.err)

    def succeed(self, *words: str) -> Ran:
        """Run the command, which must exit with 0."""
        ran = self(*words)
        assert ran.status == 0, ran
        return ran

    def make_cell(self, name: str) -> str:
        """A cell with tables; its uuid."""
        schema.sync(self.database(name))
        urls = (
            "--transport-url",
            f"rabbit://u:p@h/{name}",
            "--database_connection",
            self.url(name),
        )
        return self.succeed("cell_v2", "create_cell", "--name", name, "--verbose", *urls).line

    @staticmethod
    def node_uuid(node: str) -> str:
        """The uuid that ``report_host`` gives a node."""
        return str(uuid5(NAMESPACE_DNS, node))

    def report_host(self, cell: str, host: str, *, node: str | None = "") -> None:
        """What a starting compute service writes; ``node`` None: it reports no node."""
        with self.database(cell).write() as tx:
            common = {"host": host, "created_at": now()}
            tx.execute(
                sa.insert(services),
                {**common, "uuid": f"service-{host}", "binary": "nova-compute", "version": 1},
            )
            if node is not None:
                tx.execute(
                    sa.insert(compute_nodes),
                    {
                        **common,
                        "uuid": self.node_uuid(node or host),
                        "hypervisor_hostname": node or host,
                        "hypervisor_type": "fake",
                        "hypervisor_version": 1,
                        "vcpus": 1,
                        "memory_mb": 1,
                        "local_gb": 1,
                    },
                )

    def add_server(self, cell: str, uuid: str, *, host: str, lives: bool = True) -> None:
        """A server in a cell's database and its mapping (by the number of the cell of that name)."""
        with self.database("api").write() as tx:
            number = tx.execute(
                sa.text("SELECT id FROM cell_mappings WHERE name = :name"), {"name": cell}
            ).scalar_one()
            tx.execute(
                sa.insert(instance_mappings),
                {
                    "instance_uuid": uuid,
                    "cell_id": number,
                    "project_id": "p",
                    "user_id": "u",
                    "vcpus": 1,
                    "memory_mb": 1,
                    "queued_for_delete": not lives,
                    "created_at": now(),
                },
            )
        with self.database(cell).write() as tx:
            values = server_values(uuid, host=host, deleted=0 if lives else 1)
            tx.execute(sa.insert(instances), values)

    def add_unmapped(self, cell: str, number: int, *, deleted: int = 0) -> list[str]:
        """So many servers in a cell's database that the API database does not know; their uuids."""
        uuids = [f"unmapped-{index:04d}-{deleted}" for index in range(number)]
        with self.database(cell).write() as tx:
            tx.execute(
                sa.insert(instances),
                [server_values(uuid, deleted=deleted) for uuid in uuids],
            )
        return uuids

    def count(self, database: str, table: str) -> int:
        """How many rows a table has."""
        with self.database(database).read() as tx:
            return int(tx.execute(sa.text(f"SELECT count(*) FROM {table}")).scalar_one())

    def execute(self, database: str, statement: str, **values: object) -> None:
        """Change rows behind everybody's back."""
        with self.database(database).write() as tx:
            tx.execute(sa.text(statement), values)

    def close(self) -> None:
        """Give back all connections."""
        for database in self._opened:
            database.dispose()


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """oslo.log takes the root logger over; pytest wants it back."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    for handler in root.handlers:
        if handler not in handlers:
            handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def bare(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Manager]:
    """``nova-manage`` of a deployment whose databases are empty."""
    manager = Manager(tmp_path, capsys)
    yield manager
    manager.close()


@pytest.fixture
def manage(bare: Manager) -> Manager:
    """``nova-manage`` of a deployment with tables and cell0, and no other cell."""
    bare.succeed("api_db", "sync")
    bare.succeed("cell_v2", "map_cell0")
    bare.succeed("db", "sync")
    return bare


@pytest.fixture
def uuid_of(manage: Manager) -> Callable[[str], str]:
    """The uuid of the cell of a name."""

    def find(name: str) -> str:
        with manage.database("api").read() as tx:
            found = tx.execute(
                sa.text("SELECT uuid FROM cell_mappings WHERE name = :name"), {"name": name}
            )
            return str(found.scalar_one())

    return find


@pytest.fixture
def placement(manage: Manager, tmp_path: Path) -> Iterator[Placement]:
    """The real Placement over HTTP, which the configuration of ``manage`` names, and a client of it."""
    application = make_placement(tmp_path)
    server = serve(application)
    manage.use_placement(server.port)
    yield Placement(make_service(application=application))
    server.stop()
