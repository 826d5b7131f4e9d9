"""The scheduler as a daemon: takes requests on the API bus, reports that it lives, discovers hosts when told to."""

from __future__ import annotations

from collections.abc import Callable

from nova.life_signs import LifeSigns, ReportingDatabase
from nova.periodic import Periodic
from nova.rpc.bus import Address, Bus
from nova.scheduler.messages import SCHEDULER_TOPIC
from nova.scheduler.service import SchedulerEndpoint
from nova.service import Identity


class SchedulerDaemon:
    """Any number of them share the work."""

    def __init__(
        self,
        *,
        endpoint: SchedulerEndpoint,
        bus: Bus,
        reports: ReportingDatabase,
        identity: Identity,
        threads: int,
        report_interval_s: float,
        discover_hosts: Callable[[], object],
        discover_interval_s: int,
    ) -> None:
        """``reports``: where the services above the cells report.

        ``discover_interval_s``: -1 never, 0 with every report, otherwise seconds.
        """
        self._life = LifeSigns(reports, identity, topic=SCHEDULER_TOPIC)
        self._server = bus.serve(
            Address(SCHEDULER_TOPIC, server=identity.host), endpoint, threads=threads
        )
        self._periodics = [Periodic("scheduler-report", report_interval_s, self._life.report)]
        if discover_interval_s >= 0:
            interval_s = discover_interval_s or report_interval_s
            self._periodics.append(Periodic("discover-hosts", interval_s, discover_hosts))

    def start(self) -> None:
        """Register, then serve."""
        self._life.register()
        self._server.start()
        for periodic in self._periodics:
            periodic.start()

    def stop(self) -> None:
        """Answer the requests in hand, then end."""
        for periodic in self._periodics:
            periodic.stop()
        self._server.stop()
