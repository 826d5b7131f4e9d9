"""A cell's conductor: runs CONDUCTOR steps, sweeps the cell's journal, and is the database door of its computes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from groundwork.columns import now
from groundwork.context import RequestContext
from groundwork.database import Database, Transaction
from nova.clients.placement import Placement
from nova.clients.volumes import Attachments
from nova.conductor.liveness import ReportedLiveness
from nova.conductor.messages import (
    AskUnwanted,
    ClaimHardware,
    ConfirmOverdue,
    NodeIdentity,
    RegisterCompute,
    ReportAlive,
    ReportNodes,
    Standing,
)
from nova.db.cell import compute_nodes, hardware_pins, server_migrations, servers, services
from nova.domain.hardware import Pins
from nova.errors import HardwareTaken
from nova.life_signs import LifeSigns, OneDatabase
from nova.lifecycle.confirm_resize import CONFIRM
from nova.lifecycle.operations import OPERATIONS
from nova.lifecycle.states import VmState
from nova.lifecycle.tools import CellTools
from nova.periodic import Periodic
from nova.rpc.bus import Address, Bus
from nova.saga.hints import BusHinter, LocalHinter, NoUpCalls
from nova.saga.journal import Journal
from nova.saga.messages import (
    COMPUTE_TOPIC,
    CONDUCTOR_TOPIC,
    ClaimStep,
    LookAt,
    StepFailed,
    StepSucceeded,
)
from nova.saga.operation import COMPUTES, Claimant, Order, Place
from nova.saga.store import CellStore
from nova.saga.sweeper import Sweeper
from nova.saga.worker import LOOK_AGAIN_S, Worker
from nova.service import Identity

# Seconds between two sweeps. An idle sweep is two small indexed reads.
SWEEP_S = 1.0


class CellEndpoint:
    """What computes and API processes may ask of a cell's conductor."""

    def __init__(self, *, database: Database, journal: Journal, worker: Worker) -> None:
        self._database = database
        self._journal = journal
        self._worker = worker

    def look_at(self, context: RequestContext, message: LookAt) -> None:
        """Run what waits at this conductor."""
        self._worker.look_at(message.operation_ids)

    def claim_step(self, context: RequestContext, message: ClaimStep) -> Order | None:
        """Give a compute its next step."""
        return self._journal.claim(message.operation_id, message.claimant)

    def step_succeeded(self, context: RequestContext, message: StepSucceeded) -> Order | None:
        """Record a compute's step."""
        return self._journal.succeeded(message.order, message.outcome, message.claimant)

    def step_failed(self, context: RequestContext, message: StepFailed) -> Order | None:
        """Record that a compute's step failed."""
        return self._journal.failed(message.order, message.failure, message.claimant)

    def register_compute(self, context: RequestContext, message: RegisterCompute) -> Standing:
        """Let a compute service take over its row.

        Builds that failed under its predecessor are forgotten: restarting it is how operators say that they have
        repaired the host, which otherwise would be chosen again only when nothing else is left.
        """

        def work(tx: Transaction) -> services.ServiceRow:
            compute_nodes.forget_failed_builds(tx, message.host)
            return services.register(
                tx,
                message.host,
                services.COMPUTE,
                message.incarnation,
                version=message.version,
                topic=COMPUTE_TOPIC,
                enabled=message.is_enabled_when_new,
            )

        row = self._database.run(work)
        return Standing(is_current=True, is_disabled=row.disabled)

    def report_alive(self, context: RequestContext, message: ReportAlive) -> Standing:
        """Take a compute's sign of life."""
        host = message.host
        is_current = self._database.run(
            lambda tx: services.heartbeat(tx, host, services.COMPUTE, message.incarnation)
        )
        with self._database.read() as tx:
            row = services.find(tx, host, services.COMPUTE)
        return Standing(is_current=is_current, is_disabled=bool(row and row.disabled))

    def report_nodes(
        self, context: RequestContext, message: ReportNodes
    ) -> tuple[NodeIdentity, ...]:
        """Record what a host's hypervisors are."""
        rows = self._database.run(
            lambda tx: [compute_nodes.report(tx, message.host, facts) for facts in message.nodes]
        )
        return tuple(NodeIdentity(name=row.hypervisor_hostname, uuid=row.uuid) for row in rows)

    def claim_hardware(self, context: RequestContext, message: ClaimHardware) -> Pins:
        """Give a server its part of a node, for the node's compute.

        Nothing is given to a server that is gone, or on another host by now: nobody would let go of it.
        """

        def work(tx: Transaction) -> Pins:
            # The row is locked: nobody deletes the server before this has ended.
            servers.update(tx, message.server, {"updated_at": now()})
            server = servers.find(tx, message.server)
            if server is None or server.host != message.host:
                raise HardwareTaken(f"Server {message.server} is not on host {message.host}.")
            return hardware_pins.claim(
                tx,
                hardware_pins.Holder(server.uuid, message.host, message.node),
                message.offered,
                message.numa,
                message.pci,
            )

        return self._database.run(work)

    def ask_unwanted(self, context: RequestContext, message: AskUnwanted) -> tuple[str, ...]:
        """Say which guests a host should remove."""
        with self._database.read() as tx:
            hosts = servers.hosts_of(tx, message.guests)
            moving = server_migrations.hosts_in_progress(tx, message.guests)
        return tuple(
            uuid
            for uuid, host in hosts.items()
            if host is None or message.host not in {host, *moving.get(uuid, ())}
        )

    def confirm_overdue(self, context: RequestContext, message: ConfirmOverdue) -> int:
        """Confirm in its users' place what has waited for their answer for too long."""
        moment = now() - timedelta(seconds=message.window_s)

        def work(tx: Transaction) -> int:
            begun = 0
            for migration in server_migrations.unanswered_since(tx, message.host, moment):
                server = servers.find(tx, migration.server_uuid)
                if server is not None and server.vm_state == VmState.RESIZED:
                    begun += CONFIRM.begin(tx, self._journal, server, migration, context)
            return begun

        return self._database.run(work)


class CellConductor:
    """The daemon."""

    def __init__(
        self,
        *,
        database: Database,
        bus: Bus,
        placement: Placement,
        attachments: Attachments | None,
        identity: Identity,
        threads: int,
        service_down_time_s: int,
        report_interval_s: float,
    ) -> None:
        places = frozenset({Place.CONDUCTOR})
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="conductor-steps")
        self._hinter = LocalHinter(
            places=places,
            executor=self._executor,
            look_at=lambda ids: self._worker.look_at(ids),
            otherwise=NoUpCalls(BusHinter(bus)),
        )
        journal = Journal(database, CellStore(), OPERATIONS, self._hinter)
        self._worker = Worker(
            door=journal,
            operations=OPERATIONS,
            claimant=Claimant(identity.owner, identity.incarnation, places),
            tools=CellTools(database=database, placement=placement, attachments=attachments),
        )
        # Another database is another configuration of this cell's services, and a restart of them.
        reports = OneDatabase(database)
        sweeper = Sweeper(
            journal,
            liveness=ReportedLiveness(reports, identity, service_down_time_s=service_down_time_s),
            places=(Place.CONDUCTOR, *sorted(COMPUTES)),
            hinter=self._hinter,
        )
        self._life = LifeSigns(reports, identity, topic=CONDUCTOR_TOPIC)
        self._periodics = (
            Periodic("conductor-report", report_interval_s, self._life.report),
            Periodic("conductor-sweep", SWEEP_S, sweeper.sweep),
            Periodic("conductor-look-again", LOOK_AGAIN_S, self._look_again),
        )
        self._server = bus.serve(
            Address(CONDUCTOR_TOPIC, server=identity.host),
            CellEndpoint(database=database, journal=journal, worker=self._worker),
            threads=threads,
        )

    def start(self) -> None:
        """Take over from an earlier incarnation, then serve."""
        self._life.register()
        self._server.start()
        for periodic in self._periodics:
            periodic.start()

    def stop(self) -> None:
        """Finish the steps in hand."""
        for periodic in self._periodics:
            periodic.stop()
        self._server.stop()
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _look_again(self) -> None:
        self._worker.look_again(lambda each: self._hinter.hint(Place.CONDUCTOR, None, each))
