"""A plane with two cells and cell0, run by hand: hints are queued and delivered one by one, time only moves when told.

Databases are real (SQLite files), journals, workers and operations are the real ones; Placement, the scheduler and
the hypervisors are small models whose whole state can be looked at.
"""

from __future__ import annotations

import shutil
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

from groundwork.columns import now
from groundwork.context import RequestContext
from groundwork.database import Database
from nova.cells.registry import CELL0_UUID, Registry
from nova.cells.scatter import Scatter
from nova.cells.servers import Located, Servers
from nova.cells.target import Targets
from nova.clients.volumes import Attachments
from nova.compute.guest_spec import GuestDescriber
from nova.compute.hardware import HostHardware
from nova.conductor.cell import CellEndpoint
from nova.conductor.messages import ClaimHardware
from nova.conductor.settling import Settling
from nova.db.api import instance_mappings
from nova.db.api import models as api_models
from nova.db.api import schema as api_schema
from nova.db.api.instance_mappings import Usage
from nova.db.cell import models as cell_models
from nova.db.cell import schema as cell_schema
from nova.db.cell import server_migrations, servers, services
from nova.db.cell.server_migrations import MigrationQuery
from nova.domain.block_device import BlockDevice
from nova.domain.flavor import Flavor
from nova.domain.hardware import Hardware, Pins
from nova.domain.migration import IN_PROGRESS, Migration, MigrationStatus
from nova.domain.numa import PciRequest
from nova.domain.request_spec import RequestSpec
from nova.domain.selection import Selection
from nova.domain.server import Server
from nova.domain.server_group import ServerGroup
from nova.errors import ServerNotFound
from nova.lifecycle.accept import CreateRequest, Intake
from nova.lifecycle.operations import OPERATIONS
from nova.lifecycle.resize_accept import MoveIntake
from nova.lifecycle.tools import CellTools, HostTools, SuperTools
from nova.quota.limits import DefaultLimits
from nova.quota.stored import StoredLimits
from nova.saga.journal import Journal
from nova.saga.operation import COMPUTES, Claimant, Place
from nova.saga.store import BuildStore, CellStore
from nova.saga.sweeper import Sweeper
from nova.saga.worker import Worker
from nova.virt.driver import NodeFacts
from nova.virt.guest import GuestSpec, GuestState, PowerState
from tests.fakes.cinder import FakeCinder
from tests.harness.claims import Chooser, Claims
from tests.harness.sabotage import Killed, Sabotage
from tests.unit.clients.services import make_service

SUPER = "super"
CELL1 = "11111111-1111-1111-1111-111111111111"
CELL2 = "22222222-2222-2222-2222-222222222222"


@dataclass
class Hypervisor:
    """A driver that keeps its guests in a dictionary."""

    found: dict[str, GuestSpec] = field(default_factory=dict)
    aside: dict[str, GuestSpec] = field(default_factory=dict)
    off: set[str] = field(default_factory=set)
    name: str = "model"
    host: str = ""

    def spawn(self, guest: GuestSpec) -> None:
        self.found[guest.uuid] = guest

    def destroy(self, uuid: str) -> None:
        self.found.pop(uuid, None)
        self.aside.pop(uuid, None)

    def volume_connector(self) -> dict[str, Any]:
        return {"host": self.host}

    def guest(self, uuid: str) -> GuestState | None:
        if uuid not in self.found:
            return GuestState(uuid, PowerState.SHUTDOWN) if uuid in self.aside else None
        return GuestState(uuid, PowerState.SHUTDOWN if uuid in self.off else PowerState.RUNNING)

    # ColdMoves

    def hand_off(self, uuid: str) -> Mapping[str, Any]:
        if uuid not in self.aside:
            self.aside[uuid] = self.found.pop(uuid)
        return {"image_id": self.aside[uuid].image_id}

    def take_over(self, guest: GuestSpec, disk: Mapping[str, Any], *, running: bool) -> None:
        assert disk["image_id"] == guest.image_id
        self.found.setdefault(guest.uuid, guest)
        self._switch(guest.uuid, running=running)

    def discard_arrival(self, uuid: str) -> None:
        self.found.pop(uuid, None)

    def restore(self, uuid: str, *, running: bool) -> None:
        if uuid in self.aside:
            self.found[uuid] = self.aside.pop(uuid)
        assert uuid in self.found, "the guest is lost"
        self._switch(uuid, running=running)

    def forget_origin(self, uuid: str) -> None:
        self.aside.pop(uuid, None)

    def _switch(self, uuid: str, *, running: bool) -> None:
        (self.off.discard if running else self.off.add)(uuid)

    def node_facts(self, node: str) -> NodeFacts:
        return NodeFacts("model", 1, node, "127.0.0.1", {}, 4, 4096, 100)


@dataclass
class HardwareDoor:
    """The conductor's door, as far as hardware is claimed at it."""

    journal: Journal

    def claim_hardware(self, message: ClaimHardware) -> Pins:
        endpoint = CellEndpoint(
            database=self.journal.database,
            journal=self.journal,
            worker=None,  # type: ignore[arg-type]
        )
        return endpoint.claim_hardware(RequestContext.admin(), message)


@dataclass
class Offering:
    """A policy that offers this, whatever the driver tells."""

    hardware: Hardware | None

    def offered(self, _hardware: Hardware | None) -> Hardware | None:
        return self.hardware


@dataclass
class Hints:
    """One level's hints, queued for whoever works there."""

    level: str
    queue: deque[tuple[str, Place, str | None, int]]

    def hint(self, place: Place, host: str | None, operation_id: int) -> None:
        self.queue.append((self.level, place, host, operation_id))


@dataclass
class Census:
    """Who is alive: the sweeper's view. Everybody is, but for those marked dead."""

    dead: set[str] = field(default_factory=set)
    down_hosts: set[str] = field(default_factory=set)

    def is_alive(self, owner: str, incarnation: str) -> bool:
        return incarnation not in self.dead

    def is_host_up(self, host: str) -> bool:
        return host not in self.down_hosts


class World:
    """Make one, ``create`` servers, ``settle``, look."""

    def __init__(self, folder: Path, sabotage: Sabotage | None = None) -> None:
        self.sabotage = sabotage or Sabotage()
        self.operations = self.sabotage.on(OPERATIONS)
        self.queue: deque[tuple[str, Place, str | None, int]] = deque()
        self.census = Census()
        self.claims = Claims()
        self.cinder = FakeCinder()
        self.attachments = Attachments(
            make_service(application=self.cinder, service_type="volumev3")
        )
        self.context = RequestContext(
            user_id="u", project_id="p", roles=["member", "reader"], overwrite=False
        )
        _lay_out(folder)
        self.api = Database(f"sqlite:///{folder}/api.db")
        self._map_cells(folder)
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
        limits = StoredLimits(self.api, DefaultLimits(instances=-1, cores=-1, ram=-1))
        self.intake = Intake(api_database=self.api, limits=limits, api_bus=self)  # type: ignore[arg-type]
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

    def _map_cells(self, folder: Path) -> None:
        with self.api.write() as tx:
            tx.execute(
                sa.insert(api_models.cell_mappings),
                [
                    {
                        "uuid": uuid,
                        "name": name,
                        "transport_url": "none:///",
                        "database_connection": f"sqlite:///{folder}/{name}.db",
                        "created_at": now(),
                    }
                    for uuid, name in ((CELL0_UUID, "cell0"), (CELL1, "cell1"), (CELL2, "cell2"))
                ],
            )

    def _register_hosts(self) -> None:
        """The hosts report now, and never again: tests are faster than ``service_down_time``."""
        for host, (cell, _) in self.hosts.items():
            self.journals[cell].database.run(
                lambda tx, host=host: services.register(tx, host, services.COMPUTE, "1", version=1)  # type: ignore[misc]
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
        Sweeper(
            self.builds,
            liveness=self.census,
            places=(Place.SUPER,),
            hinter=Hints(SUPER, self.queue),
        ).sweep()
        for uuid in (CELL1, CELL2):
            for places in ((Place.SUPER,), (Place.CONDUCTOR, *sorted(COMPUTES))):
                Sweeper(
                    self.journals[uuid],
                    liveness=self.census,
                    places=places,
                    hinter=Hints(uuid, self.queue),
                ).sweep()
        self.settling.settle()

    def cast(self, _context: RequestContext, _address: Any, message: Any) -> None:
        """The API's bus, as far as the intake uses it."""
        for operation_id in message.operation_ids:
            self.queue.append((SUPER, Place.SUPER, None, operation_id))

    # What tests look at

    def find(self, server: Server) -> Located | None:
        """The server as the API would show it; None when it is gone."""
        try:
            return self.servers.find(server.uuid)
        except ServerNotFound:
            return None

    def guests(self) -> dict[str, str]:
        """The host of each guest; a guest on two hosts is a failure."""
        found: dict[str, str] = {}
        for host, (_, hypervisor) in self.hosts.items():
            for uuid in hypervisor.found:
                assert uuid not in found, f"guest {uuid} is on {found[uuid]} and on {host}"
                found[uuid] = host
        return found

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

    def assert_sound(self) -> None:
        """The invariants that hold whenever nothing is under way.

        Guests, claims and servers with a host are the same set; nothing is left of builds; every mapping leads to a
        row; a deleted or buried server holds nothing. Volumes are let into the host of their server and no other.
        """
        assert not self.unfinished()
        placed = {}
        rows = set()
        for cell in self.registry.all():
            table = cell_models.instances
            with self.targets.database(cell).read() as tx:
                for row in tx.execute(sa.select(table)):
                    assert row.uuid not in rows, "a server lives in two cells"
                    rows.add(row.uuid)
                    if not row.deleted and row.host is not None:
                        placed[row.uuid] = row.host
        assert self.guests() == placed
        self._assert_pins_are_sound(placed)
        for attachment in self.cinder.attachments.values():
            assert attachment["status"] == "attached"
            assert attachment["connector"] == {"host": placed[attachment["instance"]]}
        self._assert_moves_are_sound()
        claimed = {uuid: next(iter(held.resources)) for uuid, held in self.claims.held.items()}
        aside = {move.uuid: move.source_compute for move in self.waiting_moves()}
        assert claimed == {uuid: f"provider-{host}" for uuid, host in {**placed, **aside}.items()}
        with self.api.read() as tx:
            assert tx.execute(sa.select(api_models.build_requests)).all() == []
            mappings = tx.execute(sa.select(api_models.instance_mappings)).all()
        assert all(row.cell_id is not None for row in mappings)
        assert {row.instance_uuid for row in mappings} == rows

    def pins(self) -> dict[str, tuple[str, Pins]]:
        """The host on which each server holds something by number, and what; on two is a failure."""
        found: dict[str, tuple[str, Pins]] = {}
        for cell in self.registry.all():
            with self.targets.database(cell).read() as tx:
                for row in tx.execute(sa.select(cell_models.hardware_pins)):
                    assert row.instance_uuid not in found, "a server holds something twice"
                    found[row.instance_uuid] = (row.host, msgspec.convert(row.pins, Pins))
        return found

    def _assert_pins_are_sound(self, placed: Mapping[str, str]) -> None:
        """Servers hold something on their host only, guests got just that, and nobody has what somebody else has."""
        held = self.pins()
        for uuid, (host, pins) in held.items():
            assert placed.get(uuid) == host
            assert self.hosts[host][1].found[uuid].pins == pins
        assert all(
            uuid in held or guest.pins == Pins()
            for _, hypervisor in self.hosts.values()
            for uuid, guest in hypervisor.found.items()
        )
        parts = [
            (host, part)
            for host, pins in held.values()
            for part in (
                *(cpu for cell in pins.cells for _, cpu in cell.pins),
                *(pinned.device.address for pinned in pins.devices),
            )
        ]
        assert len(parts) == len(set(parts)), parts

    def waiting_moves(self) -> list[Migration]:
        """The moves that wait to be confirmed or reverted; none is in between when nothing is under way."""
        found: list[Migration] = []
        for uuid in (CELL1, CELL2):
            with self.journals[uuid].database.read() as tx:
                for move in server_migrations.page(tx, MigrationQuery()):
                    if move.status in IN_PROGRESS:
                        assert move.status is MigrationStatus.FINISHED
                        found.append(move)
        return found

    def _assert_moves_are_sound(self) -> None:
        """Who waits for an answer is RESIZED, and aside at its source; nobody else is aside anywhere."""
        waiting = {move.server_uuid: move.source_compute for move in self.waiting_moves()}
        aside = {
            uuid: host for host, (_, hypervisor) in self.hosts.items() for uuid in hypervisor.aside
        }
        assert aside == waiting
        resized = set()
        for cell in (CELL1, CELL2):
            table = cell_models.instances
            with self.journals[cell].database.read() as tx:
                for row in tx.execute(sa.select(table).where(table.c.deleted == 0)):
                    assert row.task_state is None, f"{row.uuid} is left in {row.task_state}"
                    if row.vm_state == "resized":
                        resized.add(row.uuid)
        assert resized == set(waiting)

    def counted(self) -> Usage:
        """What the project's servers count for, once the plane has settled what they are."""
        self.settling.settle()
        with self.api.read() as tx:
            return instance_mappings.usage(tx, "p")

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

    def actions(self, server: Server) -> list[tuple[str, str | None]]:
        """The server's operations in its cell, oldest first: (action, message)."""
        cell = self.servers.find(server.uuid, with_deleted=True).cell
        assert cell is not None
        table = cell_models.instance_actions
        with self.targets.database(cell).read() as tx:
            rows = tx.execute(
                sa.select(table.c.action, table.c.message)
                .where(table.c.instance_uuid == server.uuid)
                .order_by(table.c.id)
            )
            return [(row.action, row.message) for row in rows]

    def events(self, server: Server) -> list[tuple[str, str | None]]:
        """The events of the server's operations in its cell, oldest first: (event, result)."""
        located = self.servers.find(server.uuid, with_deleted=True)
        assert located.cell is not None
        actions, events = cell_models.instance_actions, cell_models.instance_actions_events
        with self.targets.database(located.cell).read() as tx:
            return [
                (row.event, row.result)
                for row in tx.execute(
                    sa.select(events.c.event, events.c.result)
                    .join(actions, actions.c.id == events.c.action_id)
                    .where(actions.c.instance_uuid == server.uuid)
                    .order_by(events.c.id)
                )
            ]

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
                journal_of=lambda uuid: self.journals[uuid],
                attachments=self.attachments,
            )
        if host is None:
            return CellTools(
                database=self.journals[level].database,
                placement=claims,
                attachments=self.attachments,
            )
        driver: Any = self.hosts[host][1]
        describer = GuestDescriber(instance_name_template="instance-%08x")
        return HostTools(
            driver=driver,
            describe_guest=describer.describe,
            hardware=HostHardware(
                driver=self.hosts[host][1],  # type: ignore[arg-type]
                door=HardwareDoor(self.journals[level]),  # type: ignore[arg-type]
                policy=Offering(self.hardware.get(host)),  # type: ignore[arg-type]
            ),
            build_slot=nullcontext(),
            attachments=self.attachments,
        )


def _lay_out(folder: Path) -> None:
    """Copies of migrated, empty databases: migrating anew for each of hundreds of worlds would take minutes."""
    for name in ("api", "cell0", "cell1", "cell2"):
        template = _template("api" if name == "api" else "cell")
        shutil.copy(template, folder / f"{name}.db")


@lru_cache
def _template(kind: str) -> Path:
    import tempfile

    path = Path(tempfile.mkdtemp(prefix="harness-")) / f"{kind}.db"
    database = Database(f"sqlite:///{path}")
    schema: Any = {"api": api_schema, "cell": cell_schema}[kind]
    schema.sync(database)
    with database.engine.connect() as connection:
        connection.exec_driver_sql("ROLLBACK")
        connection.exec_driver_sql("PRAGMA journal_mode=DELETE")
    database.dispose()
    return path
