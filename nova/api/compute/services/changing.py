"""Switching compute services on and off: in the cell's database, then in Placement."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from groundwork.context import RequestContext
from groundwork.database import Database, Transaction
from groundwork.errors import NotFound, Unavailable
from nova.cells.registry import Cell
from nova.cells.target import Targets
from nova.clients.placement import Placement
from nova.db.cell import compute_nodes, services
from nova.db.cell.services import ServiceRow

#: Keeps Placement from offering the nodes of a disabled service.
DISABLED_TRAIT = "COMPUTE_STATUS_DISABLED"

# Each further round is needed only if another operator switched the service during the one before.
_ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be different afterwards; None leaves it as it is. ``reason`` goes with ``disabled``."""

    disabled: bool | None = None
    reason: str | None = None
    forced_down: bool | None = None


class ServiceChanges:
    """Changes of compute services, each safe to repeat."""

    def __init__(
        self, *, targets: Targets, placement: Placement, clock: Callable[[], datetime]
    ) -> None:
        self._targets = targets
        self._placement = placement
        self._clock = clock

    def apply(
        self, context: RequestContext, cell: Cell, service: ServiceRow, change: Change
    ) -> ServiceRow:
        """The service after the change; Placement knows of it too.

        :raises NotFound: the service was deleted meanwhile.
        :raises Unavailable: the cell has it, but Placement could not be told: the change is to be repeated.
        """
        database = self._targets.database(cell)
        changed = database.run(lambda tx: self._store(tx, service.uuid, change))
        if changed is None:
            raise NotFound(f"Service {service.uuid} could not be found.")
        if change.disabled is None:
            return changed
        try:
            self._tell_placement(context, database, service.uuid)
        except Unavailable as exc:
            raise Unavailable(
                f"Service {service.uuid} is {'disabled' if change.disabled else 'enabled'}, but Placement could not "
                "be told. Repeat the request.",
                internal=exc.internal or exc.text,
            ) from exc
        return changed

    def _store(self, tx: Transaction, uuid: str, change: Change) -> ServiceRow | None:
        now = self._clock()
        if change.forced_down is not None:
            services.force_down(tx, uuid, change.forced_down, now=now)
        match change.disabled:
            case True:
                services.disable(tx, uuid, reason=change.reason, now=now)
            case False:
                services.enable(tx, uuid, now=now)
        return services.find_by_uuid(tx, uuid)

    def _tell_placement(self, context: RequestContext, database: Database, uuid: str) -> None:
        """Two operators switch the service at once:

        1. A stores "disabled", B stores "enabled"; the database says "enabled".
        2. B takes the trait off, A, who is slower, puts it on: Placement says the opposite.

        So the trait follows what the database says, not what was asked, and whoever wrote it looks again afterwards.
        """
        placement = self._placement.acting_for(context)
        for _ in range(_ROUNDS):
            with database.read() as tx:
                service = services.find_by_uuid(tx, uuid)
                nodes = compute_nodes.list_on_host(tx, service.host) if service else ()
            if service is None:
                return
            for node in nodes:
                _mark(placement, node.uuid, disabled=service.disabled)
            with database.read() as tx:
                again = services.find_by_uuid(tx, uuid)
            if again is None or again.disabled == service.disabled:
                return


def _mark(placement: Placement, provider: str, *, disabled: bool) -> None:
    trait = {DISABLED_TRAIT}
    try:
        placement.change_traits(
            provider, (lambda had: had | trait) if disabled else (lambda had: had - trait)
        )
    except NotFound:
        # The node has not reported to Placement yet; its first report brings the trait along.
        return
