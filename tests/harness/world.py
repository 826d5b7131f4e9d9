"""A plane with two cells and cell0, run by hand: hints are queued and delivered one by one, time only moves when told.

Databases are real (SQLite files), journals, workers and operations are the real ones; Placement, the scheduler and
the hypervisors are small models whose whole state can be looked at.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from groundwork.columns import now
from groundwork.context import RequestContext
from groundwork.database import Database
from nova.cells.registry import Registry
from nova.cells.scatter import Scatter
from nova.cells.servers import Located, Servers
from nova.cells.target import Targets
from nova.clients.volumes import Attachments
from nova.conductor.settling import Settling
from nova.db.api import models as api_models
from nova.db.cell import servers, services
from nova.domain.block_device import BlockDevice
from nova.domain.flavor import Flavor
from nova.domain.hardware import Hardware
from nova.domain.numa import PciRequest
from nova.domain.request_spec import RequestSpec
from nova.domain.selection import Selection
from nova.domain.server import Server
from nova.domain.server_group import ServerGroup
from nova.domain.service_versions import SERVICE_VERSION
from nova.errors import ServerNotFound
from nova.lifecycle.accept import CreateRequest, Intake
from nova.lifecycle.operations import OPERATIONS
from nova.lifecycle.resize_accept import MoveIntake
from nova.lifecycle.tools import CellTools, SuperTools
from nova.quota.limits import DefaultLimits
from nova.quota.stored import StoredLimits
from nova.saga.journal import Journal
from nova.saga.operation import Claimant, Place
from nova.saga.store import BuildStore, CellStore
from nova.saga.worker import Worker
from tests.fakes.cinder import FakeCinder
from tests.harness.claims import Chooser, Claims
from tests.harness.databases import CELL1, CELL2, make_databases
from tests.harness.hosts import Hypervisor, host_tools
from tests.harness.messaging import SUPER, ApiBus, Hint, Hints
from tests.harness.sabotage import Killed, Sabotage
from tests.harness.sweepers import Census, sweep
from tests.unit.clients.services import make_service


class World:
    """Make one, ``create`` servers, ``settle``, look."""

    def __init__(self, folder: Path, sabotage: Sabotage | None = None) -> None:
        self.sabotage = sabotage or Sabotage()
        self.operations = self.sabotage.on(OPERATIONS)
        self.queue: deque[Hint] = deque()
        self.census = Census()
        self.claims = Claims()
        self.cinder = FakeCinder()
        self.attachments = Attachments(
            make_service(application=self.cinder, service_type="volumev3")
        )
        self.context = RequestContext(
            user_id="u", project_id="p", roles=["member", "reader"], overwrite=False
        )
        self.api = make_databases(folder)
        self.registry = Registry(self.api)
        self.targets = Targets(open_database=Database, open_bus=lambda url: None)  # type: ignore[arg-type, return-value]
        self.scatter = Scatter(self.targets, threads=4, deadline_s=10)
        self.servers = Servers(
            api_database=self.api,
            registry=self.registry,
            targets=self.targets,
            scatter=self.scatter,
        )
        #: What hosts offer besides room; those that are not named offer nothing.
        self.hardware: dict[str, Hardware] = {}
        self.hosts = {
            "host1": (CELL1, Hypervisor(host="host1")),
            "host2": (CELL1, Hypervisor(host="host2")),
            "host3": (CELL2, Hypervisor(host="host3")),
            # Offered to nobody but by tests of their own.
            "host4": (CELL1, Hypervisor(host="host4")),
            "host5": (CELL1, Hypervisor(host="host5")),
        }
        self.chooser = Chooser(self.claims, [self.offer(host) for host in ("host1", "host2")])
        self.builds = Journal(self.api, BuildStore(), self.operations, Hints(SUPER, self.queue))
        self.journals = {
            cell.uuid: Journal(
                self.targets.database(cell),
                CellStore(),
                self.operations,
                Hints(cell.uuid, self.queue),
            )
            for cell in self.registry.all()
        }
        #: How the journals of cells are reached from above them.
        self.journal_from_above: Callable[[str], Journal] = lambda uuid: self.journals[uuid]
        limits = StoredLimits(self.api, DefaultLimits(instances=-1, cores=-1, ram=-1))
        self.intake = Intake(api_database=self.api, limits=limits, api_bus=ApiBus(self.queue))  # type: ignore[arg-type]
        self.settling = Settling(
            api_database=self.api, registry=self.registry, scatter=self.scatter
        )
        self.moves = MoveIntake(
            api_database=self.api,
            limits=limits,
            journal_of=lambda cell: self.journals[cell.uuid],
            allow_resize_to_same_host=False,
            service_down_time_s=60,
        )
        self._register_hosts()
        self._incarnations = 0
        self.workers: dict[tuple[str, Place, str | None], tuple[str, Worker]] = {}

    def _register_hosts(self) -> None:
        """The hosts report now, and never again: tests are faster than ``service_down_time``."""
        for host, (cell, _) in self.hosts.items():
            self.journals[cell].database.run(
                lambda tx, host=host: services.register(  # type: ignore[misc]
                    tx, host, services.COMPUTE, "1", version=SERVICE_VERSION
                )
            )
        with self.api.write() as tx:
            for host, (cell, _) in self.hosts.items():
                cell_id = self.registry.by_uuid(cell).id
                values = {"host": host, "cell_id": cell_id, "created_at": now()}
                tx.execute(sa.insert(api_models.host_mappings).values(**values))

    # What tests do

    def create(
        self,
        count: int = 1,
        *,
        group: ServerGroup | None = None,
        extra_specs: Mapping[str, str] | None = None,
        pci_requests: tuple[PciRequest, ...] = (),
        devices: tuple[BlockDevice, ...] = (),
        forced_host: str | None = None,
    ) -> Sequence[Server]:
        """Accept a create request; nothing runs yet."""
        flavor = Flavor(
            flavorid="1",
            name="tiny",
            vcpus=1,
            memory_mb=64,
            root_gb=1,
            extra_specs=extra_specs or {},
        )
        template = Server(
            uuid="",
            project_id="p",
            user_id="u",
            display_name="one",
            flavor=flavor,
            vm_state="building",
            task_state="scheduling",
            created_at=now(),
            image_ref="image",
            reservation_id="r-1",
            tags=("blue",),
            block_devices=devices,
        )
        spec = RequestSpec(
            project_id="p",
            user_id="u",
            flavor=flavor,
            image_id="image",
            group=group,
            pci_requests=pci_requests,
            forced_host=forced_host,
        )
        request = CreateRequest(
            template=template, spec=spec, min_count=count, max_count=count, admin_password="secret"
        )
        return self.intake.accept(self.context, request)

    def delete(self, server: Server) -> None:
        """What DELETE does."""
        from nova.api.compute.servers.deletion import Deletion

        deletion = Deletion(
            api_database=self.api,
            servers=self.servers,
            targets=self.targets,
            intake=self.intake,
            journal_of=lambda cell: self.journals[cell.uuid],
            attachments=self.attachments,
        )
        deletion.delete(self.context, self.servers.find(server.uuid))

    def settle(self, *, rounds: int = 200) -> None:
        """Deliver hints, and sweep as if time had passed, until no operation is left unfinished."""
        for _ in range(rounds):
            self.deliver()
            if not self.unfinished():
                return
            self.pass_time()
            self.sweep()
        raise AssertionError(f"still unfinished: {self.unfinished()}")

    def deliver(self) -> None:
        """Let the workers do what hints are queued for."""
        while self.queue:
            self.work(*self.queue.popleft())

    def work(self, level: str, place: Place, host: str | None, operation_id: int) -> None:
        """One hint to one worker; when it kills the worker, the process is replaced by a new incarnation."""
        incarnation, worker = self._worker(level, place, host)
        try:
            worker.look_at([operation_id])
        except Killed:
            self.census.dead.add(incarnation)
            del self.workers[level, place, host]

    def pass_time(self) -> None:
        """Everything that waits for a later moment is due."""
        past = now() - timedelta(hours=1)
        for journal in self._all_journals():
            table = journal.store.tables.operations
            journal.database.run(
                lambda tx, table=table: tx.execute(sa.update(table).values(due_at=past))  # type: ignore[misc]
            )

    def sweep(self) -> None:
        """One pass of every sweeper."""
        sweep(self.builds, self.journals, self.census, self.queue)
        self.settling.settle()

    def offer(self, host: str) -> Selection:
        """What the scheduler would select for that host."""
        return Selection(
            host=host,
            node=host,
            node_uuid=f"provider-{host}",
            cell_uuid=self.hosts[host][0],
            allocations={f"provider-{host}": {"VCPU": 1}},
            availability_zone="nova",
        )

    def update(self, server: Server, **values: Any) -> None:
        """Change the server's row, as an operation would that is not looked at here."""
        cell = self.servers.find(server.uuid).cell
        assert cell is not None
        self.targets.database(cell).run(lambda tx: servers.update(tx, server.uuid, values))

    # What tests look at; more of it is in ``readings``, and what has to hold in ``soundness``

    def find(self, server: Server) -> Located | None:
        """The server as the API would show it; None when it is gone."""
        try:
            return self.servers.find(server.uuid)
        except ServerNotFound:
            return None

    def unfinished(self) -> list[tuple[str, str, str]]:
        """Operations that have not ended: (action, state, step)."""
        found: list[tuple[str, str, str]] = []
        for journal in self._all_journals():
            table = journal.store.tables.operations
            with journal.database.read() as tx:
                found += [
                    (row.action, row.state, row.step)
                    for row in tx.execute(
                        sa.select(table).where(table.c.state.in_(("running", "undoing")))
                    )
                ]
        return found

    # Parts

    def _all_journals(self) -> list[Journal]:
        return [self.builds, *self.journals.values()]

    def _worker(self, level: str, place: Place, host: str | None) -> tuple[str, Worker]:
        known = self.workers.get((level, place, host))
        if known is None:
            self._incarnations += 1
            incarnation = f"incarnation-{self._incarnations}"
            owner = f"{place}@{host or level}"
            claimant = Claimant(owner, incarnation, frozenset({place}), host)
            journal = self.builds if level == SUPER else self.journals[level]
            worker = Worker(
                door=journal,
                operations=self.operations,
                claimant=claimant,
                tools=self._tools(level, place, host),
            )
            known = self.workers[level, place, host] = (incarnation, worker)
        return known

    def _tools(self, level: str, place: Place, host: str | None) -> Any:
        claims: Any = self.claims
        if place is Place.SUPER:
            return SuperTools(
                api_database=self.api,
                registry=self.registry,
                targets=self.targets,
                scatter=self.scatter,
                scheduling=self.chooser,
                placement=claims,
                journal_of=lambda uuid: self.journal_from_above(uuid),
                attachments=self.attachments,
            )
        if host is None:
            return CellTools(
                database=self.journals[level].database,
                placement=claims,
                attachments=self.attachments,
            )
        return host_tools(
            self.hosts[host][1],
            self.journals[level],
            offered=self.hardware.get(host),
            attachments=self.attachments,
        )
