"""Which release the services of all cells have at least: new code waits for the last old one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from nova.cells.registry import Registry
from nova.cells.scatter import Down, Late, Scatter
from nova.db.cell import services
from nova.db.cell.services import COMPUTE

# How long what the cells told is believed. Longer: an upgrade that has ended is noticed later; shorter: who asks for
# something new has all cells asked more often.
_FRESH_S = 10.0


class ServiceVersions:
    """What the oldest service of a binary can do, over all cells. Thread safe."""

    def __init__(
        self,
        *,
        registry: Registry,
        scatter: Scatter,
        binary: str = COMPUTE,
        fresh_s: float = _FRESH_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._registry = registry
        self._scatter = scatter
        self._binary = binary
        self._fresh_s = fresh_s
        self._clock = clock
        self._asking = threading.Lock()
        # By the cell's uuid; None where there is no such service.
        self._told: dict[str, int | None] = {}
        self._told_at: float | None = None

    def minimum(self) -> int | None:
        """The smallest version (see ``nova.domain.service_versions``) in any cell; None where there is no such service.

        Services that are down or disabled count: they come back as they were. A cell that does not answer counts as it
        did when it last told, so that its silence neither stops the others nor lets anything through. One that never
        told does not count: nobody sends a server into a cell that is silent, and it is asked again before long.
        """
        # Who comes while somebody else asks is content with what was told before, if anything was.
        if not self._is_fresh() and self._asking.acquire(blocking=self._told_at is None):
            try:
                if not self._is_fresh():
                    self._ask()
            finally:
                self._asking.release()
        return min((told for told in self._told.values() if told is not None), default=None)

    def _is_fresh(self) -> bool:
        return self._told_at is not None and self._clock() - self._told_at < self._fresh_s

    def _ask(self) -> None:
        answers = self._scatter.ask(
            self._registry.real(), lambda tx: services.minimum_version(tx, self._binary)
        )
        self._told = {
            cell.uuid: self._told.get(cell.uuid) if isinstance(answer, (Late, Down)) else answer
            for cell, answer in answers.items()
        }
        self._told_at = self._clock()
