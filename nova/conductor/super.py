"""The super-conductor: takes builds from the API database to a host in some cell, or to cell0."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from groundwork.context import RequestContext
from groundwork.database import Database
from nova.conductor.cell import SWEEP_S
from nova.conductor.liveness import ReportedLiveness
from nova.life_signs import LifeSigns
from nova.lifecycle.operations import OPERATIONS
from nova.lifecycle.tools import SuperTools
from nova.periodic import Periodic
from nova.rpc.bus import Address, Bus
from nova.saga.hints import BusHinter, LocalHinter
from nova.saga.journal import Journal
from nova.saga.messages import SUPER_TOPIC, LookAt
from nova.saga.operation import Claimant, Place
from nova.saga.store import BuildStore
from nova.saga.sweeper import Sweeper
from nova.saga.worker import LOOK_AGAIN_S, Worker
from nova.service import Identity


class SuperEndpoint:
    """What API processes may ask of the super-conductor."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    def look_at(self, context: RequestContext, message: LookAt) -> None:
        """Work on these builds."""
        self._worker.look_at(message.operation_ids)


class SuperConductor:
    """The daemon. Any number of them share the work."""

    def __init__(
        self,
        *,
        tools: SuperTools,
        api_bus: Bus,
        services_database: Database,
        identity: Identity,
        threads: int,
        service_down_time_s: int,
        report_interval_s: float,
    ) -> None:
        """``services_database``: where the global services report, which is cell0's."""
        places = frozenset({Place.SUPER})
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="super-steps")
        self._hinter = LocalHinter(
            places=places,
            executor=self._executor,
            look_at=lambda ids: self._worker.look_at(ids),
            otherwise=BusHinter(api_bus),
        )
        journal = Journal(tools.api_database, BuildStore(), OPERATIONS, self._hinter)
        self._worker = Worker(
            door=journal,
            operations=OPERATIONS,
            claimant=Claimant(identity.owner, identity.incarnation, places),
            tools=tools,
        )
        sweeper = Sweeper(
            journal,
            liveness=ReportedLiveness(services_database, service_down_time_s=service_down_time_s),
            places=(Place.SUPER,),
            hinter=self._hinter,
        )
        self._life = LifeSigns(services_database, identity, topic=SUPER_TOPIC)
        self._periodics = (
            Periodic("super-report", report_interval_s, self._life.report),
            Periodic("super-sweep", SWEEP_S, sweeper.sweep),
            Periodic("super-look-again", LOOK_AGAIN_S, self._look_again),
        )
        self._server = api_bus.serve(
            Address(SUPER_TOPIC, server=identity.host),
            SuperEndpoint(self._worker),
            threads=threads,
        )

    def start(self) -> None:
        """Take over from an earlier incarnation, then serve."""
        self._life.register()
        self._server.start()
        for periodic in self._periodics:
            periodic.start()

    def stop(self) -> None:
        """Finish the builds in hand."""
        for periodic in self._periodics:
            periodic.stop()
        self._server.stop()
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _look_again(self) -> None:
        self._worker.look_again(lambda each: self._hinter.hint(Place.SUPER, None, each))
