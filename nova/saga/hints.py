"""How a journal tells a place that an operation waits there."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Executor

from groundwork.context import RequestContext
from nova.rpc.bus import Address, Bus
from nova.saga.entry import Hinter
from nova.saga.messages import COMPUTE_TOPIC, CONDUCTOR_TOPIC, SUPER_TOPIC, LookAt
from nova.saga.operation import Place

LOG = logging.getLogger(__name__)


class BusHinter:
    """Casts on one bus: to the level's conductors, or to the host's compute service."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    def hint(self, place: Place, host: str | None, operation_id: int) -> None:
        """Tell whoever works at that place; a failure is logged, the sweeper comes by anyway."""
        if host is not None:
            address = Address(COMPUTE_TOPIC, server=host)
        else:
            address = Address(SUPER_TOPIC if place is Place.SUPER else CONDUCTOR_TOPIC)
        context = RequestContext.admin()
        try:
            self._bus.cast(context, address, LookAt(operation_ids=(operation_id,)))
        except Exception:
            LOG.exception("a hint to %s could not be sent", address)


class CellHinter:
    """For journals of a cell that are opened above it: hints into the cell, and to those who work above."""

    def __init__(self, *, cell_uuid: str, cell_bus: Bus, api_bus: Bus) -> None:
        self._cell_uuid = cell_uuid
        self._inside = BusHinter(cell_bus)
        self._api_bus = api_bus

    def hint(self, place: Place, host: str | None, operation_id: int) -> None:
        """Tell whoever works at that place; a failure is logged, the sweeper comes by anyway."""
        if place is not Place.SUPER:
            self._inside.hint(place, host, operation_id)
            return
        message = LookAt(operation_ids=(operation_id,), cell_uuid=self._cell_uuid)
        try:
            self._api_bus.cast(RequestContext.admin(), Address(SUPER_TOPIC), message)
        except Exception:
            LOG.exception("a hint about cell %s could not be sent", self._cell_uuid)


class NoUpCalls:
    """For journals inside a cell: nobody here may tell those above, whose sweepers come by."""

    def __init__(self, inside: Hinter) -> None:
        self._inside = inside

    def hint(self, place: Place, host: str | None, operation_id: int) -> None:
        """Tell whoever works at that place, if it is in the cell."""
        if place is not Place.SUPER:
            self._inside.hint(place, host, operation_id)


class LocalHinter:
    """Does what belongs to this process in its own threads, and passes the rest on."""

    def __init__(
        self,
        *,
        places: frozenset[Place],
        executor: Executor,
        look_at: Callable[[tuple[int, ...]], None],
        otherwise: Hinter,
    ) -> None:
        self._places = places
        self._executor = executor
        self._look_at = look_at
        self._otherwise = otherwise

    def hint(self, place: Place, host: str | None, operation_id: int) -> None:
        """Queue the operation for this process's own worker, or tell another one."""
        if place not in self._places:
            self._otherwise.hint(place, host, operation_id)
            return
        try:
            self._executor.submit(self._look_at, (operation_id,))
        except RuntimeError:
            # The process is stopping; whoever comes next finds the operation.
            LOG.debug("operation %d is left to the next process", operation_id)
