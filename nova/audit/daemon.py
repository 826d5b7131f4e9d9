"""The audit as a part of a process: looks every so often, and logs and exports what it comes to. It repairs nothing."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

from nova.audit.auditor import Auditor, Scope
from nova.audit.metrics import Counts, write
from nova.periodic import Periodic

LOG = logging.getLogger(__name__)


class AuditDaemon:
    """Beside a super-conductor. ``counts`` are those of the last audit, None before the first has ended."""

    def __init__(
        self,
        make: Callable[[Callable[[float], object]], Auditor],
        *,
        interval_s: float,
        metrics_file: Path | None = None,
    ) -> None:
        """``make(sleep)`` gives the auditor, which shall pause with ``sleep`` so that stopping need not wait for it.

        ``metrics_file``: where the counts of each audit are written, in place of those of the one before.
        """
        self._stopping = threading.Event()
        self._auditor = make(self._stopping.wait)
        self._periodic = Periodic("audit", interval_s, self.run)
        self._metrics_file = metrics_file
        self.counts: Counts | None = None

    def start(self) -> None:
        """Look at once, then every interval."""
        self._periodic.start()

    def stop(self) -> None:
        """End after the look in progress."""
        self._stopping.set()
        self._periodic.stop()

    def run(self) -> None:
        """One audit: a warning with the counts of what is wrong, and one for each thing that could not be looked at."""
        started = time.monotonic()
        report = self._auditor.audit(Scope())
        if self._stopping.is_set():
            # The second look came too early.
            return
        self.counts = Counts.of(report, ended_at=time.time(), took_s=time.monotonic() - started)
        self._export(self.counts)
        for name, why in [*report.failures.items(), *report.unreadable.items()]:
            LOG.warning("audit: %s could not be looked at: %s", name, why)
        if not report.findings:
            LOG.info("audit: nothing found")
            return
        found = {str(kind): count for kind, count in self.counts.by_kind.items() if count}
        LOG.warning("audit: %d findings %s; see 'nova-manage audit'", self.counts.total, found)

    def _export(self, counts: Counts) -> None:
        """What was found is logged though it cannot be written: alarms see that the file gets old."""
        if self._metrics_file is None:
            return
        try:
            write(self._metrics_file, counts.render())
        except OSError as exc:
            LOG.warning("audit: its counts cannot be written: %s", exc)
