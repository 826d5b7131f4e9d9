"""The super-conductor: takes builds from the API database to a host in some cell, or to cell0.

It also runs the steps above the cells of operations that began inside one, such as moves: their journal is the cell's.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from groundwork.context import RequestContext
from nova.conductor.cell import SWEEP_S
from nova.conductor.cell_work import SWEEP_CELLS_S, CellWork
from nova.conductor.liveness import ReportedLiveness
from nova.conductor.settling import SETTLE_S, Settling
from nova.life_signs import LifeSigns, ReportingDatabase
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

    def __init__(self, worker: Worker, cells: CellWork) -> None:
        self._worker = worker
        self._cells = cells

    def look_at(self, context: RequestContext, message: LookAt) -> None:
        """Work on these builds, or on these operations of a cell."""
        if message.cell_uuid is None:
            self._worker.look_at(message.operation_ids)
        else:
            self._cells.worker(message.cell_uuid).look_at(message.operation_ids)


class SuperConductor:
    """The daemon. Any number of them share the work."""

    def __init__(
        self,
        *,
        tools: SuperTools,
        api_bus: Bus,
        reports: ReportingDatabase,
        identity: Identity,
        threads: int,
        service_down_time_s: int,
        report_interval_s: float,
    ) -> None:
        """``reports``: where the services above the cells report, which is in cell0."""
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
        liveness = ReportedLiveness(reports, identity, service_down_time_s=service_down_time_s)
        sweeper = Sweeper(journal, liveness=liveness, places=(Place.SUPER,), hinter=self._hinter)
        self._cells = CellWork(
            tools=tools,
            claimant=Claimant(identity.owner, identity.incarnation, places),
            liveness=liveness,
            executor=self._executor,
        )
        settling = Settling(
            api_database=tools.api_database, registry=tools.registry, scatter=tools.scatter
        )
        self._life = LifeSigns(reports, identity, topic=SUPER_TOPIC)
        self._periodics = (
            Periodic("super-report", report_interval_s, self._life.report),
            Periodic("super-sweep", SWEEP_S, sweeper.sweep),
            Periodic("super-look-again", LOOK_AGAIN_S, self._look_again),
            Periodic("super-sweep-cells", SWEEP_CELLS_S, self._cells.sweep),
            Periodic("super-settle", SETTLE_S, settling.settle),
        )
        self._server = api_bus.serve(
            Address(SUPER_TOPIC, server=identity.host),
            SuperEndpoint(self._worker, self._cells),
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
        self._cells.look_again()
