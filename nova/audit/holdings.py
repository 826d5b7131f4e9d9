"""What a server, or its move, should hold in Placement by its flavor, against what it holds.

Classes that flavors do not stand for (bandwidth, accelerators) are left to whoever claimed them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from groundwork.errors import Invalid
from nova.audit.finding import Check, CorrectAllocation, DeleteAllocation, Finding, Kind
from nova.clients.candidates import CandidateQuery
from nova.clients.providers import Allocation
from nova.db.cell.census import CountedServer, Node, UnansweredMove
from nova.domain.request_spec import RequestSpec
from nova.scheduler.demand import candidate_query, total_resources

#: What flavors stand for; more of these than the flavor says is wrong.
SIZES = frozenset({"VCPU", "PCPU", "MEMORY_MB", "DISK_GB"})

# provider -> class -> amount
Resources = Mapping[str, Mapping[str, int]]
# By consumer.
Held = Mapping[str, Resources]
# What is asked for -> where it belongs at a node; None where that cannot be had now.
Places = Callable[[CandidateQuery], Resources | None]


@dataclass(frozen=True, slots=True)
class Need:
    """What somebody needs at a node, as a question to Placement; None: nothing."""

    query: CandidateQuery | None

    @property
    def totals(self) -> Mapping[str, int]:
        """In all, by class."""
        return total_resources(self.query) if self.query else {}

    @property
    def is_plain(self) -> bool:
        """Whether nothing is split into groups: then where each class belongs is no choice of a device."""
        return self.query is not None and len(self.query.groups) == 1


@dataclass(frozen=True, slots=True)
class Holder:
    """Who should hold something of a node: a server that is there, or its move (``migration_uuid``) from there."""

    server_uuid: str
    host: str | None
    node: str | None
    #: What the finding begins with.
    standing: str
    migration_uuid: str | None = None

    @property
    def consumer(self) -> str:
        """Its uuid in Placement."""
        return self.migration_uuid or self.server_uuid


@dataclass(frozen=True, slots=True)
class Ground:
    """Where a server is, in Placement's terms: its node, the providers of that node's tree, and those shared by all."""

    cell_uuid: str
    node: Node | None
    tree: frozenset[str]
    sharing: frozenset[str]


def need_of(server: CountedServer) -> Need | None:
    """What the server needs by its own copy of the flavor; None when that asks for nothing, or makes no sense."""
    return _need(server.spec)


def need_of_move(move: UnansweredMove) -> Need | None:
    """What the move has to hold: what its server needed before."""
    return _need(replace(move.server.spec, flavor=move.flavor))


def _need(spec: RequestSpec) -> Need | None:
    try:
        return Need(candidate_query(spec))
    except Invalid:
        return None


def fits(need: Need | None, consumer: str, *parts: Held) -> bool:
    """Whether the parts together are what is needed; a need that makes no sense (None) is not judged."""
    totals: dict[str, int] = {}
    for part in parts:
        _add(totals, part.get(consumer, {}))
    return need is None or not _differences(need.totals, totals)


def _add(totals: dict[str, int], resources: Resources) -> None:
    for on in resources.values():
        for name, amount in on.items():
            totals[name] = totals.get(name, 0) + amount


def _differences(needed: Mapping[str, int], held: Mapping[str, int]) -> Mapping[str, int]:
    """Class -> how much is held of it, where that is not what is needed."""
    names = needed.keys() | (held.keys() & SIZES)
    return {
        name: held.get(name, 0)
        for name in sorted(names)
        if held.get(name, 0) != needed.get(name, 0)
    }


def judge(
    server: CountedServer, ground: Ground, held: Allocation | None, places: Places
) -> Finding | None:
    """What is wrong with all that a resting server holds; None when it fits.

    ``ground.node`` None: the server is on no host, so it should hold nothing.
    """
    holder = Holder(server.uuid, server.host, server.node, f"is on {server.host or 'no host'}")
    need = need_of(server) if ground.node else Need(None)
    return None if need is None else _judge(holder, need, ground, held, places)


def judge_move(
    move: UnansweredMove, ground: Ground, held: Allocation | None, places: Places
) -> Finding | None:
    """What is wrong with all that an unanswered move holds for a resting server; None when it fits.

    Without it the move could not be taken back, or two would be given the same room.
    """
    assert ground.node is not None
    node = ground.node
    standing = f"keeps {node.host} for server {move.server.uuid} until it is answered"
    holder = Holder(move.server.uuid, node.host, node.name, standing, move.uuid)
    need = need_of_move(move)
    return None if need is None else _judge(holder, need, ground, held, places)


def _judge(
    holder: Holder, need: Need, ground: Ground, held: Allocation | None, places: Places
) -> Finding | None:
    resources = held.resources if held else {}
    here = ground.tree | ground.sharing
    elsewhere = sorted(resources.keys() - here)
    totals: dict[str, int] = {}
    _add(totals, {uuid: on for uuid, on in resources.items() if uuid in here})
    wrong = _differences(need.totals, totals)
    if held is None and need.totals:
        kind = Kind.ALLOCATION_MISSING
        text = f"{holder.standing} and holds nothing in Placement: the host may be overcommitted"
    elif elsewhere:
        kind = Kind.ALLOCATION_WRONG
        text = f"{holder.standing}, but holds something from {', '.join(elsewhere)}"
    elif wrong:
        kind = Kind.ALLOCATION_WRONG
        amounts = [
            f"{name} {has} (needs {need.totals.get(name, 0)})" for name, has in wrong.items()
        ]
        text = f"{holder.standing}, but holds {', '.join(amounts)}"
    else:
        return None
    kept = {uuid: on for uuid, on in resources.items() if uuid in here}
    wanted = kept if not wrong else _wanted(need, ground, kept, places)
    return Finding(
        Check.ALLOCATIONS,
        kind,
        holder.consumer,
        text,
        "make room on its host or move it; for devices and NUMA cells write the allocation by hand",
        ground.cell_uuid,
        None
        if wanted is None
        else CorrectAllocation(
            holder.server_uuid,
            ground.cell_uuid,
            holder.host,
            holder.node,
            wanted,
            held.consumer_generation if held else None,
            holder.migration_uuid,
        ),
    )


def _wanted(need: Need, ground: Ground, kept: Resources, places: Places) -> Resources | None:
    """What should be held in place of ``kept``, which is of the node and what it shares.

    None where that cannot be had, or is not for us to choose (which device, which NUMA cell). Amounts are corrected
    where they are held, so that nobody's disk changes its pool; only what is not held at all is looked for.
    """
    if ground.node is None:
        return {}
    if need.query is None or not need.is_plain or kept.keys() - {ground.node.uuid} - ground.sharing:
        return None
    wanted = {
        uuid: {
            name: amount for name, amount in on.items() if name not in need.totals.keys() | SIZES
        }
        for uuid, on in kept.items()
    }
    for name in need.totals:
        holding = [uuid for uuid, on in kept.items() if name in on]
        if len(holding) > 1:
            return None
        for uuid in holding:
            wanted[uuid][name] = need.totals[name]
    missing = need.totals.keys() - {name for on in wanted.values() for name in on}
    if missing:
        [group] = need.query.groups
        amounts = {name: need.totals[name] for name in need.totals if name in missing}
        found = places(replace(need.query, groups=(replace(group, resources=amounts),)))
        if found is None:
            return None
        for uuid, on in found.items():
            wanted[uuid] = {**wanted.get(uuid, {}), **on}
    return {uuid: on for uuid, on in wanted.items() if on}


def judge_orphan(held: Allocation) -> Finding:
    """An allocation of a server, or of a migration, that exists nowhere (any more)."""
    return Finding(
        Check.ALLOCATIONS,
        Kind.ALLOCATION_ORPHANED,
        held.consumer,
        f"holds something from {', '.join(sorted(held.resources))}, but no such server lives or is being built, "
        "and no such move is under way",
        "if a cell's database was lost, restore it before you repair; the repair frees what is held",
        repair=DeleteAllocation(held),
    )
