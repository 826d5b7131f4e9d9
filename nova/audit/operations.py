"""Every unfinished operation is in living hands or about to be, and no server waits for one that does not exist.

In motion: sweepers free the operations of dead owners and repeat lost hints within seconds, so only what stayed so for
``idle_s`` is reported. An operation that is tried again waits a minute at most between two tries.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from nova.audit.finding import Check, EndRecord, Finding, Kind, Nudge, SettleServer
from nova.audit.view import View, pages
from nova.cells.registry import Cell
from nova.db import journal as rows
from nova.db.api import repairs
from nova.db.api.repairs import RepairRecord
from nova.db.cell import census, services
from nova.db.cell.census import CountedServer
from nova.db.cell.services import ServiceRow
from nova.db.journal_census import Standing, alive
from nova.saga.operation import Place

# By (binary, host), as owners are named. The conductor of a cell and one above it may have the same name.
Services = Mapping[tuple[str, str], Sequence[ServiceRow]]


def look(view: View) -> Iterator[Finding]:
    """Repairs that nobody has ended, operations nobody works on, then servers with a task that is no operation."""
    since = view.now - timedelta(seconds=view.idle_s)
    for record in view.ask_api(lambda tx: repairs.unfinished(tx, before=since)):
        if view.walks(record.cell_uuid):
            yield judge_repair(record)
    above = view.cell0_services()
    for cell in view.walked_with_hosts:
        known = by_owner([*(above or ()), *view.ask(cell, services.list_services)])
        for standing in pages(
            lambda query, cell=cell: view.ask(cell, query),  # type: ignore[misc]
            lambda tx, **page: alive(tx, rows.CELL, **page),
        ):
            # Nobody can tell who lives above the cells while cell0 cannot be read.
            judged = [each for each in standing if above is not None or each.place != Place.SUPER]
            yield from judge(cell, judged, known, since)
        for servers in pages(lambda query, cell=cell: view.ask(cell, query), census.unattended):  # type: ignore[misc]
            yield from judge_unattended(cell, servers)


def judge_repair(record: RepairRecord) -> Finding:
    """A repair of an audit that was killed. It was one guarded write, which has happened as a whole or not at all."""
    return Finding(
        Check.OPERATIONS,
        Kind.INTERRUPTED_REPAIR,
        f"repair {record.id}",
        f"begun {record.begun_at:%Y-%m-%d %H:%M:%S} for {record.kind} of {record.subject}; whether it was done, nobody "
        "has written down",
        "see whether the audit finds that trouble still",
        record.cell_uuid,
        EndRecord(record.id),
    )


def by_owner(found: Sequence[ServiceRow]) -> Services:
    """Services by the names that owners have."""
    known: dict[tuple[str, str], list[ServiceRow]] = {}
    for row in found:
        known.setdefault((row.binary, row.host), []).append(row)
    return known


def judge(
    cell: Cell, standings: Sequence[Standing], known: Services, since: datetime
) -> Iterator[Finding]:
    """Operations that stand still since before ``since``."""
    for standing in standings:
        nudge = Nudge(cell.uuid, standing.id, standing.owner, standing.incarnation)
        what = f"{standing.action} (operation {standing.id})"
        if standing.waits_in_vain:
            yield Finding(
                Check.OPERATIONS,
                Kind.BLOCKED_IN_VAIN,
                standing.instance_uuid,
                f"{what} waits for operation {standing.blocked_by}, which has ended",
                "clear blocked_by of the operation",
                cell.uuid,
                nudge,
            )
        elif why := why_dead(standing, known, since):
            yield Finding(
                Check.OPERATIONS,
                Kind.DEAD_OWNER,
                standing.instance_uuid,
                f"{what} is in the hands of {standing.owner}, {why}",
                f"see that a nova-conductor of cell {cell.name} runs: it takes the operation up",
                cell.uuid,
                nudge,
            )
        elif is_idle(standing, since):
            where = standing.place_host or standing.place
            yield Finding(
                Check.OPERATIONS,
                Kind.IDLE_OPERATION,
                standing.instance_uuid,
                f"{what} waits at {where} for step {standing.step} since {standing.touched_at:%Y-%m-%d %H:%M:%S}",
                f"see that a nova-conductor of cell {cell.name} runs, and that {where} does not hang",
                cell.uuid,
                nudge,
            )


def why_dead(standing: Standing, known: Services, since: datetime) -> str | None:
    """Why the owner will never report; None when it may, or when there is no owner."""
    if standing.claim is None or standing.owner is None:
        return None
    binary, _, host = standing.owner.partition("@")
    named = known.get((binary, host), ())
    if not named:
        return "which does not exist any more"
    service = next((row for row in named if row.incarnation == standing.incarnation), None)
    if service is None:
        return "which has been started anew since"
    if service.forced_down:
        return "which is forced down"
    if service.last_seen_up is None or service.last_seen_up < since:
        return f"which was last seen {service.last_seen_up or 'never'}"
    return None


def is_idle(standing: Standing, since: datetime) -> bool:
    """Whether nobody has taken the operation up for long, though it waits for no other."""
    return standing.claim is None and standing.blocked_by is None and standing.touched_at < since


def judge_unattended(cell: Cell, servers: Sequence[CountedServer]) -> Iterator[Finding]:
    """Servers that seem busy although nothing is under way: they would stay so for ever."""
    for server in servers:
        state = f"task_state {server.task_state}" if server.task_state else "still building"
        yield Finding(
            Check.OPERATIONS,
            Kind.UNATTENDED_SERVER,
            server.uuid,
            f"{state}, but no operation is under way",
            "reset its state",
            cell.uuid,
            SettleServer(
                server.uuid, cell.uuid, server.vm_state, server.task_state, server.updated_at
            ),
        )
