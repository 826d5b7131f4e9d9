"""Create a server.

The API records a build request, a request spec and an instance mapping (API database); that is the promise. From
there on:

    accept            SUPER      nothing to do; its undo forgets the build, or buries it in cell0 with a fault
    reserve_volumes   SUPER      Cinder keeps the volumes for the server
    schedule          SUPER      hosts chosen and claimed in Placement, one call for all servers of the request; for
                                 members of a server group also reserved in the group (``group_places.py``)
    hand_over         SUPER      the server and the rest of this operation move into the chosen cell; one that does
                                 not answer has got nothing yet, and ``schedule`` chooses again without it
    occupy_host       CONDUCTOR  nothing to do; its undo lets go of the host's hardware and takes the next alternate
                                 host, or releases claim and volumes
    claim_hardware    HOST       NUMA nodes, CPUs and devices of the host are the server's, if it asks for any
    connect_volumes   HOST       Cinder lets the host at the volumes
    spawn             HOST       the guest exists and runs
    complete_volumes  HOST       Cinder knows that the guest has its volumes

Servers without volumes go without the steps about them. Everything is keyed by the server's uuid: the claim (consumer),
the row in the cell, the guest, the attachments.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from groundwork.columns import now
from groundwork.errors import Conflict
from nova.db.api import builds, host_mappings
from nova.domain.block_device import BlockDevice
from nova.domain.hardware import Pins
from nova.domain.injected_file import InjectedFile
from nova.domain.request_spec import RequestSpec
from nova.domain.selection import Selection
from nova.domain.server import Server
from nova.lifecycle import burial, group_places, hand_over, hardware, volumes
from nova.lifecycle.states import TaskState, VmState
from nova.lifecycle.tools import CellTools, HostTools, SuperTools
from nova.saga.operation import Operation, Outcome, Place, Run, Step
from nova.virt.guest import PowerState


@dataclass(frozen=True, slots=True)
class CreatePayload:
    """What the steps of a create need from each other."""

    spec: RequestSpec
    #: Servers of one request are scheduled together, all or none.
    reservation_id: str
    admin_password: str | None = None
    #: For the guest; as the password, until it has them.
    files: tuple[InjectedFile, ...] = ()
    #: Where the server goes, once scheduled.
    selection: Selection | None = None
    #: Where it may go instead, best first; all in the same cell.
    alternates: tuple[Selection, ...] = ()
    #: What it holds of its host by number.
    pins: Pins = Pins()
    #: Cells (uuids) that were chosen and did not answer; none of their hosts is chosen again.
    silent_cells: tuple[str, ...] = ()


# Cells that may prove to be silent before a build gives up. The scheduler leaves out what it knows to be down, so it
# takes as many cells that die within the same seconds. More: a build goes round for longer; fewer: it fails although
# another cell has room.
_SILENT_CELLS = 5


def _schedule(runs: Sequence[Run]) -> list[Outcome | Exception]:
    """Claim a host for each server. Run twice, the scheduler replaces the claims that are there already."""
    results: dict[int, Outcome | Exception] = {}
    requests: dict[tuple[str, tuple[str, ...]], list[Run]] = {}
    for run in runs:
        payload: CreatePayload = run.payload
        requests.setdefault((payload.reservation_id, payload.silent_cells), []).append(run)
    for request in requests.values():
        try:
            results.update(_schedule_request(request))
        except Exception as exc:
            results.update({run.operation_id: exc for run in request})
    return [results[run.operation_id] for run in runs]


def _schedule_request(request: Sequence[Run]) -> dict[int, Outcome | Exception]:
    first = request[0]
    tools: SuperTools = first.tools
    spec = _without_silent_cells(tools, first.payload)
    if spec.group is not None:
        asking = [replace(run, payload=replace(run.payload, spec=spec)) for run in request]
        chosen = group_places.choose(asking, spec.group.uuid)
    else:
        uuids = [run.server.uuid for run in request]
        chosen = tools.scheduling.select(first.context, spec, uuids)
    return {
        run.operation_id: Outcome(
            payload=replace(
                run.payload, selection=selection.chosen, alternates=selection.alternates
            ),
            details=f"host {selection.chosen.host}, {len(selection.alternates)} alternates",
        )
        for run, selection in zip(request, chosen, strict=True)
    }


def _without_silent_cells(tools: SuperTools, payload: CreatePayload) -> RequestSpec:
    """What is asked of the scheduler: it may not know yet that these cells are down."""
    spec = payload.spec
    cell_ids = [cell.id for cell in tools.registry.all() if cell.uuid in payload.silent_cells]
    if not cell_ids:
        return spec
    with tools.api_database.read() as tx:
        hosts = host_mappings.list_mappings(tx, cell_ids=cell_ids)
    return replace(spec, ignored_hosts=(*spec.ignored_hosts, *(each.host for each in hosts)))


def _release_claim(run: Run) -> Outcome:
    """Give back what was claimed, also when the scheduler died before it could say what.

    When the chosen cell did not answer, another one is to be chosen, unless the user has named the host.
    """
    tools: SuperTools = run.tools
    tools.placement.acting_for(run.context).delete_allocation(run.server.uuid)
    group_places.give_up(tools, run.server.uuid)
    payload: CreatePayload = run.payload
    chosen = payload.selection
    is_forced = payload.spec.forced_host or payload.spec.forced_node
    if (
        chosen is None
        or run.failure is None
        or not run.failure.is_before_any_effect
        or is_forced
        or len(payload.silent_cells) >= _SILENT_CELLS
    ):
        return Outcome()
    return Outcome(
        payload=replace(
            payload,
            selection=None,
            alternates=(),
            silent_cells=(*payload.silent_cells, chosen.cell_uuid),
        ),
        details=f"without the host {chosen.host}: {run.failure.text}",
        again=True,
    )


def _reserve_volumes(run: Run) -> Outcome:
    return Outcome(server={"block_devices": volumes.reserve(run.tools, run.server)})


def _release_volumes(run: Run) -> Outcome:
    return Outcome(server={"block_devices": volumes.release(run.tools, run.server)})


def _hand_over(run: Run) -> Outcome:
    """Move the operation into the chosen cell; from here on its journal is there."""
    hand_over.into_cell(run, run.payload.selection)
    return Outcome(moved=True)


def _leave(run: Run) -> Outcome:
    """The build ends above the cells: the user deleted it (nothing is left), or it failed (cell0 keeps it)."""
    tools: SuperTools = run.tools
    if run.failure is None:
        volumes.delete_those_that_go_along(tools, run.server)
        tools.api_database.run(lambda tx: builds.forget(tx, run.server.uuid))
    else:
        burial.bury(run, run.failure)
    return Outcome(moved=True)


def _nothing(run: Run) -> None:
    """The work of this step is its undo."""


def _take_alternate(run: Run) -> Outcome:
    """Claim the next alternate in place of the host that failed; without one, release the claim.

    The claim is one PUT that replaces the old host's allocation, so the server never holds two and never none. Run
    twice, it puts the same again.
    """
    tools: CellTools = run.tools
    payload: CreatePayload = replace(run.payload, pins=Pins())
    hardware.release(tools, run.server.uuid)
    rest = payload.alternates
    while rest:
        candidate, rest = rest[0], rest[1:]
        if _claim(run, candidate):
            return Outcome(
                payload=replace(payload, selection=candidate, alternates=rest),
                server={
                    "host": candidate.host,
                    "node": candidate.node,
                    "availability_zone": candidate.availability_zone,
                    **_devices(run, volumes.keep_for_another_host),
                },
                details=f"rescheduled to {candidate.host}",
                forward=True,
            )
    tools.placement.acting_for(run.context).delete_allocation(run.server.uuid)
    return Outcome(
        payload=replace(payload, alternates=()),
        server={"host": None, "node": None, **_devices(run, volumes.release)},
    )


def _devices(
    run: Run, change: Callable[[CellTools, Server], tuple[BlockDevice, ...]]
) -> Mapping[str, Any]:
    """What becomes of the server's devices, when it has volumes."""
    return {"block_devices": change(run.tools, run.server)} if run.server.volumes else {}


def _wants_hardware(_server: Server, payload: CreatePayload) -> bool:
    return hardware.is_wanted(payload.spec)


def _claim_hardware(run: Run) -> Outcome:
    """Hold what the server asks for of this host. It fails when others were faster; then the next host is tried."""
    tools: HostTools = run.tools
    pins = hardware.claim(tools, run.server, run.payload.spec)
    return Outcome(payload=replace(run.payload, pins=pins), details=hardware.told(pins))


def _claim(run: Run, candidate: Selection) -> bool:
    server = run.server
    placement = run.tools.placement.acting_for(run.context)
    held = placement.allocation(server.uuid)
    try:
        placement.claim(
            server.uuid,
            candidate.allocations,
            project_id=server.project_id,
            user_id=server.user_id,
            consumer_generation=held.consumer_generation if held else None,
            mappings=candidate.mappings,
        )
    except Conflict:
        return False
    return True


def _connect_volumes(run: Run) -> Outcome:
    tools: HostTools = run.tools
    return Outcome(
        server={"block_devices": volumes.connect(tools, tools.driver, run.server)},
    )


def _complete_volumes(run: Run) -> Outcome:
    volumes.complete(run.tools, run.server)
    return Outcome(payload=_without_secrets(run.payload))


def _without_secrets(payload: CreatePayload) -> CreatePayload:
    """The password and the files are the guest's now; the journal forgets them."""
    return replace(payload, admin_password=None, files=())


def _spawn(run: Run) -> Outcome:
    """Make the guest; a guest that is there already is left alone."""
    tools: HostTools = run.tools
    with tools.build_slot:
        payload: CreatePayload = run.payload
        tools.driver.spawn(
            tools.describe_guest(
                run.server, payload.admin_password, payload.pins, files=payload.files
            )
        )
    state = tools.driver.guest(run.server.uuid)
    return Outcome(
        # With volumes another guest may have to be made yet.
        payload=run.payload if run.server.volumes else _without_secrets(run.payload),
        server={
            "power_state": int(state.power_state if state else PowerState.NOSTATE),
            "launched_at": _launched(run.server),
        },
    )


def _launched(server: Server) -> datetime:
    return server.launched_at or now()


def _destroy(run: Run) -> None:
    tools: HostTools = run.tools
    tools.driver.destroy(run.server.uuid)


def _built(_server: Server, _payload: CreatePayload) -> Mapping[str, Any]:
    return {"vm_state": VmState.ACTIVE, "task_state": None}


def _failed(_server: Server, _payload: CreatePayload) -> Mapping[str, Any]:
    return {"vm_state": VmState.ERROR, "task_state": None}


CREATE = Operation(
    "create",
    payload=CreatePayload,
    steps=(
        Step("accept", Place.SUPER, run=_nothing, undo=_leave),
        Step(
            "reserve_volumes",
            Place.SUPER,
            run=_reserve_volumes,
            undo=_release_volumes,
            needed=volumes.has_volumes,
        ),
        Step("schedule", Place.SUPER, run=_schedule, undo=_release_claim, batch=True),
        Step(
            "hand_over",
            Place.SUPER,
            run=_hand_over,
            no_undo_because="until it is complete the build request rules, and a repetition completes it",
            no_return=True,
        ),
        Step("occupy_host", Place.CONDUCTOR, run=_nothing, undo=_take_alternate),
        Step(
            "claim_hardware",
            Place.HOST,
            run=_claim_hardware,
            needed=_wants_hardware,
            no_undo_because="occupy_host, which is undone next, lets go of it, also when the host is down",
            task_state=TaskState.SPAWNING,
        ),
        Step(
            "connect_volumes",
            Place.HOST,
            run=_connect_volumes,
            no_undo_because="occupy_host gets the next host attachments of its own, or deletes them",
            needed=volumes.has_volumes,
            task_state=TaskState.BLOCK_DEVICE_MAPPING,
        ),
        Step(
            "spawn",
            Place.HOST,
            run=_spawn,
            undo=_destroy,
            task_state=TaskState.SPAWNING,
            judges_host=True,
        ),
        Step(
            "complete_volumes",
            Place.HOST,
            run=_complete_volumes,
            no_undo_because="the guest goes with spawn, and the attachment with occupy_host",
            needed=volumes.has_volumes,
        ),
    ),
    on_success=_built,
    on_failure=_failed,
)
