"""Who is alive, as the services of one level report in their database."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping

from groundwork.columns import now
from groundwork.database import Database
from nova.db.cell import services
from nova.liveness import is_up

# Reading the services for every operation of a pass would cost more than the pass; older than this is too old.
_FRESH_S = 1.0


class ReportedLiveness:
    """Reads the services table, at most once a second.

    For the first ``service_down_time_s`` of its own life nobody counts as silent: after an outage of the whole cell
    all rows are old, and the hosts need time to report before they are judged.
    """

    def __init__(
        self,
        database: Database,
        *,
        service_down_time_s: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._down_time_s = service_down_time_s
        self._clock = clock
        self._started = clock()
        self._lock = threading.Lock()
        self._read_at = float("-inf")
        self._rows: Mapping[tuple[str, str], services.ServiceRow] = {}

    def is_alive(self, owner: str, incarnation: str) -> bool:
        """Whether that very process still reports."""
        binary, _, host = owner.partition("@")
        row = self._services().get((binary, host))
        return row is not None and row.incarnation == incarnation and self._reports(row)

    def is_host_up(self, host: str) -> bool:
        """Whether the host's compute service reports; a removed one does not."""
        row = self._services().get((services.COMPUTE, host))
        return row is not None and self._reports(row)

    def _reports(self, row: services.ServiceRow) -> bool:
        if row.forced_down:
            return False
        if self._clock() - self._started < self._down_time_s:
            return True
        return is_up(row, now(), self._down_time_s)

    def _services(self) -> Mapping[tuple[str, str], services.ServiceRow]:
        with self._lock:
            if self._clock() - self._read_at > _FRESH_S:
                with self._database.read() as tx:
                    rows = services.list_services(tx)
                self._rows = {(row.binary, row.host): row for row in rows}
                self._read_at = self._clock()
            return self._rows
