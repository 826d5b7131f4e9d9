"""Resize a server, or migrate it cold: both move it to a host that the scheduler chooses, in its own cell.

The API checks the states and the quota, counts the server for the larger of both flavors, and records a migration
(``resize_accept.py``). From there on:

    count             SUPER        the ledger counts the larger of both flavors
    hold_source       SUPER        the migration holds in Placement what the server held (``resize_claims.py``)
    choose            SUPER        a host is chosen and claimed, for the server's own uuid
    take_destination  CONDUCTOR    the migration says where it goes; its undo takes the next alternate, if the
                                   destination has failed
    hand_off          HOST         the guest is off and aside, and its disk handed over
    switch            CONDUCTOR    the server's row says: there, and of the new flavor
    take_over         DESTINATION  the guest is there, and runs if it ran before
    await_answer      CONDUCTOR    the migration is finished; the server waits to be confirmed or reverted

Whatever fails is undone down to the server as it was, on its old host, where it runs again. If it failed after the
server was switched to its destination, the move then goes on to the next alternate; the claim there replaces the one at
the host that failed in one write to Placement. Otherwise that is the end: the journal's action tells the error, the
migration has status ``error``. What was counted for the larger flavor is put right above the cells: here when nothing
had left SUPER yet, otherwise by ``nova/conductor/settling.py``, which looks at the server when it rests.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from groundwork.database import Database
from groundwork.errors import NotSupported
from nova.db import journal as rows
from nova.db.api import moving_mappings
from nova.db.api.moving_mappings import Sizes
from nova.db.cell import server_migrations, servers
from nova.domain.flavor import Flavor
from nova.domain.migration import IN_PROGRESS, MigrationStatus, Origin
from nova.domain.request_spec import RequestSpec
from nova.domain.selection import Selection
from nova.domain.server import Server
from nova.lifecycle import group_places
from nova.lifecycle.resize_claims import claim_instead, hold_source, put_back
from nova.lifecycle.states import TaskState, VmState
from nova.lifecycle.tools import CellTools, HostTools, SuperTools
from nova.saga.operation import AtDownHost, Operation, Outcome, Place, Run, Step
from nova.virt.driver import ColdMoves
from nova.virt.guest import PowerState


@dataclass(frozen=True, slots=True)
class MovePayload:
    """What the steps of a move need from each other."""

    migration_uuid: str
    cell_uuid: str
    #: Of the server as it shall be.
    spec: RequestSpec
    #: The host and node that the server leaves, and what it was there.
    source: str
    source_node: str | None
    origin: Origin
    #: From the request (``OS-DCF:diskConfig``); None leaves it.
    auto_disk_config: bool | None = None
    #: Where the server goes, once scheduled.
    selection: Selection | None = None
    #: Where it may go instead, best first; all in the server's cell.
    alternates: tuple[Selection, ...] = ()
    #: Whether the server was taken back from its destination: another one may do better.
    has_come_back: bool = False
    #: What the source's driver tells the destination's.
    disk: Mapping[str, Any] | None = None

    @property
    def flavor(self) -> Flavor:
        """The one that the server gets."""
        return self.spec.flavor

    @property
    def destination(self) -> str | None:
        """The host to which the server goes."""
        return self.selection.host if self.selection else None

    @property
    def runs(self) -> bool:
        """Whether the guest is to run after the move, whichever way that ends."""
        return self.origin.vm_state == VmState.ACTIVE


# Above the cells.


def _count(run: Run) -> None:
    """Done by the API too; repeated because the API may have waited long between its two databases."""
    tools: SuperTools = run.tools
    sizes = Sizes.of(run.payload.spec)
    tools.api_database.run(lambda tx: moving_mappings.mark(tx, run.server.uuid, sizes))


def _count_as_before(run: Run) -> None:
    tools: SuperTools = run.tools
    sizes = Sizes.of(replace(run.payload.spec, flavor=run.payload.origin.flavor))
    tools.api_database.run(lambda tx: moving_mappings.count(tx, run.server.uuid, sizes))
    database = tools.journal_of(run.payload.cell_uuid).database
    _set_status(database, run.payload, MigrationStatus.ERROR)


def _hold_source(run: Run) -> None:
    tools: SuperTools = run.tools
    placement = tools.placement.acting_for(run.context)
    hold_source(placement, run.server.uuid, run.payload.migration_uuid)


def _put_back_above(run: Run) -> None:
    """The migration ends with the undo of the first step, which follows in any case."""
    tools: SuperTools = run.tools
    placement = tools.placement.acting_for(run.context)
    put_back(placement, run.server.uuid, run.payload.migration_uuid)


def _choose(run: Run) -> Outcome:
    """Claim a host for the server; run twice, the scheduler replaces the claim that is there already."""
    tools: SuperTools = run.tools
    spec: RequestSpec = run.payload.spec
    if spec.group is not None:
        [found] = group_places.choose(
            [run], spec.group.uuid, is_ours=lambda _tx, each: _is_ours(tools, each)
        )
    else:
        [found] = tools.scheduling.select(run.context, spec, [run.server.uuid])
    return Outcome(
        payload=replace(run.payload, selection=found.chosen, alternates=found.alternates),
        details=f"host {found.chosen.host}, {len(found.alternates)} alternates",
    )


def _is_ours(tools: SuperTools, run: Run) -> bool:
    journal = tools.journal_of(run.payload.cell_uuid)
    with journal.database.read() as tx:
        return rows.is_claimed(tx, journal.store.tables, run.operation_id, claim=run.claim)


# In the cell.


def _take_destination(run: Run) -> None:
    _say_where(run.tools, run.payload)


def _say_where(tools: CellTools, payload: MovePayload) -> None:
    chosen = _chosen(payload)
    tools.database.run(
        lambda tx: server_migrations.set_destination(
            tx, payload.migration_uuid, compute=chosen.host, node=chosen.node, address=None
        )
    )
    _set_status(tools.database, payload, MigrationStatus.MIGRATING)


def _take_alternate(run: Run) -> Outcome:
    """Go on to the next alternate, if a destination has failed; else the move has ended.

    Run twice, it claims the same again.
    """
    tools: CellTools = run.tools
    payload: MovePayload = run.payload
    # Where the source has failed, or the user has cancelled, no other destination is any better.
    rest = payload.alternates if payload.has_come_back and run.failure else ()
    placement = tools.placement.acting_for(run.context)
    while rest:
        candidate, rest = rest[0], rest[1:]
        if claim_instead(placement, run.server, payload.migration_uuid, candidate):
            payload = replace(
                payload, selection=candidate, alternates=rest, has_come_back=False, disk=None
            )
            _say_where(tools, payload)
            return Outcome(payload=payload, details=f"on to {candidate.host}", forward=True)
    _put_back(run)
    return Outcome()


def _put_back(run: Run) -> None:
    """The server holds its source again and nothing else, and the migration has ended."""
    tools: CellTools = run.tools
    placement = tools.placement.acting_for(run.context)
    put_back(placement, run.server.uuid, run.payload.migration_uuid)
    _set_status(tools.database, run.payload, MigrationStatus.ERROR)


def _hand_off(run: Run) -> Outcome:
    disk = _moves(run).hand_off(run.server.uuid)
    return Outcome(
        payload=replace(run.payload, disk=disk), server={"power_state": int(PowerState.SHUTDOWN)}
    )


def _restore(run: Run) -> Outcome:
    tools: HostTools = run.tools
    if not isinstance(tools.driver, ColdMoves):
        # Nothing was done for that very reason.
        return Outcome()
    tools.driver.restore(run.server.uuid, running=run.payload.runs)
    return Outcome(server=_power(tools, run.server))


def _switch(run: Run) -> Outcome:
    tools: CellTools = run.tools
    payload: MovePayload = run.payload
    chosen = _chosen(payload)
    _set_status(tools.database, payload, MigrationStatus.POST_MIGRATING)
    return Outcome(
        server={
            "host": chosen.host,
            "node": chosen.node,
            "availability_zone": chosen.availability_zone,
            **servers.flavor_values(payload.flavor),
        }
    )


def _switch_back(run: Run) -> Outcome:
    payload: MovePayload = run.payload
    return Outcome(
        payload=replace(payload, has_come_back=True),
        server=as_it_was(payload.source, payload.source_node, payload.origin),
    )


def as_it_was(host: str, node: str | None, origin: Origin) -> Mapping[str, Any]:
    """The columns of a server that is back where it came from."""
    return {
        "host": host,
        "node": node,
        "availability_zone": origin.availability_zone,
        **servers.flavor_values(origin.flavor),
    }


def _take_over(run: Run) -> Outcome:
    tools: HostTools = run.tools
    payload: MovePayload = run.payload
    guest = tools.describe_guest(run.server, None)
    _moves(run).take_over(guest, payload.disk or {}, running=payload.runs)
    return Outcome(server=_power(tools, run.server))


def _discard(run: Run) -> None:
    tools: HostTools = run.tools
    if isinstance(tools.driver, ColdMoves):
        tools.driver.discard_arrival(run.server.uuid)


def _await_answer(run: Run) -> None:
    tools: CellTools = run.tools
    _set_status(tools.database, run.payload, MigrationStatus.FINISHED)


def _set_status(database: Database, payload: MovePayload, status: MigrationStatus) -> None:
    database.run(
        lambda tx: server_migrations.swap_status(
            tx, payload.migration_uuid, status, expect=IN_PROGRESS
        )
    )


def _chosen(payload: MovePayload) -> Selection:
    assert payload.selection is not None, "the host was chosen before the operation came here"
    return payload.selection


def _moves(run: Run) -> ColdMoves:
    tools: HostTools = run.tools
    if not isinstance(tools.driver, ColdMoves):
        raise NotSupported(f"The driver {tools.driver.name} cannot move servers.")
    return tools.driver


def _power(tools: HostTools, server: Server) -> Mapping[str, Any]:
    state = tools.driver.guest(server.uuid)
    return {"power_state": int(state.power_state if state else PowerState.NOSTATE)}


def _moved(_server: Server, payload: MovePayload) -> Mapping[str, Any]:
    ended: dict[str, Any] = {"vm_state": VmState.RESIZED, "task_state": None}
    if payload.auto_disk_config is not None:
        ended["auto_disk_config"] = payload.auto_disk_config
    return ended


def _unharmed(_server: Server, payload: MovePayload) -> Mapping[str, Any]:
    return {"vm_state": payload.origin.vm_state, "task_state": None}


_STEPS = (
    Step("count", Place.SUPER, run=_count, undo=_count_as_before),
    Step("hold_source", Place.SUPER, run=_hold_source, undo=_put_back_above),
    Step(
        "choose",
        Place.SUPER,
        run=_choose,
        no_undo_because="what it claimed is replaced in the write that gives the source back",
    ),
    Step("take_destination", Place.CONDUCTOR, run=_take_destination, undo=_take_alternate),
    Step(
        "hand_off",
        Place.HOST,
        run=_hand_off,
        undo=_restore,
        undo_at_down_host=AtDownHost.WAIT,
        task_state=TaskState.RESIZE_MIGRATING,
    ),
    Step(
        "switch",
        Place.CONDUCTOR,
        run=_switch,
        undo=_switch_back,
        task_state=TaskState.RESIZE_MIGRATED,
    ),
    Step(
        "take_over",
        Place.DESTINATION,
        run=_take_over,
        undo=_discard,
        task_state=TaskState.RESIZE_FINISH,
    ),
    Step(
        "await_answer",
        Place.CONDUCTOR,
        run=_await_answer,
        no_undo_because="the undo of an earlier step ends the migration",
    ),
)

RESIZE = Operation(
    "resize", payload=MovePayload, steps=_STEPS, on_success=_moved, on_failure=_unharmed
)
MIGRATE = Operation(
    "migrate", payload=MovePayload, steps=_STEPS, on_success=_moved, on_failure=_unharmed
)
