"""Every allocation belongs to a server, and every server on a host holds what its flavor needs there.

Read node by node: what is held from the providers of its tree, against the servers that its cell has on it. Who holds
something without being there is looked for in the build requests and in every cell.

A migration holds the old host of a move, by the flavor that the server had there, until the move is confirmed or
reverted; when it has ended, it should hold nothing.

In motion, and not judged: servers with an operation under way or a task_state, builds (claimed before any cell knows
them), migrations that have not ended, and consumers that are of no kind of ours. Classes that flavors
do not stand for (bandwidth, accelerators) are left to whoever claimed them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from groundwork.errors import Conflict, Invalid, NotFound
from nova.audit.finding import Check, CorrectAllocation, DeleteAllocation, Finding, Kind
from nova.audit.hosts import NODE_TRAIT
from nova.audit.view import PAGE, View
from nova.cells.registry import Cell
from nova.clients.candidates import CandidateQuery
from nova.clients.providers import Allocation
from nova.db.cell import census, server_migrations
from nova.db.cell.census import CountedServer, Node, UnansweredMove
from nova.domain.request_spec import RequestSpec
from nova.lifecycle.node_claims import place_at_node
from nova.lifecycle.resize_claims import MIGRATION
from nova.scheduler.demand import candidate_query, total_resources

SHARING_TRAIT = "MISC_SHARES_VIA_AGGREGATE"
#: What flavors stand for; more of these than the flavor says is wrong.
SIZES = frozenset({"VCPU", "PCPU", "MEMORY_MB", "DISK_GB"})
#: Consumer types of servers; ``unknown`` is what clients older than Placement 1.38 left.
SERVER_TYPES = frozenset({"INSTANCE", "unknown"})

# Requests to Placement at once. More: an audit is felt by those who create servers; fewer: it takes longer.
_THREADS = 8
# Nodes whose holders are in memory at once.
_NODES = 64

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


def look(view: View) -> Iterator[Finding]:
    """Servers by node, then whoever holds something from nodes that no cell has, or from shared providers only."""
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="audit") as pool:
        yield from _Round(view, pool).look()


class _Round:
    """One reading of Placement's trees and every cell's nodes, and the comparison on top of it."""

    def __init__(self, view: View, pool: ThreadPoolExecutor) -> None:
        self._view = view
        self._placement = view.placement
        self._pool = pool
        self._trees: dict[str, set[str]] = {}
        for provider in self._placement.providers():
            self._trees.setdefault(provider.root, set()).add(provider.uuid)
        sharing = self._placement.providers(required=[SHARING_TRAIT])
        self._sharing = frozenset(provider.uuid for provider in sharing)
        self._nodes = {cell.uuid: view.ask(cell, census.nodes) for cell in view.readable}
        self._at = {
            (uuid, node.host, node.name): node for uuid in self._nodes for node in self._nodes[uuid]
        }
        # Who holds something from two nodes is met twice.
        self._told: set[str] = set()

    def look(self) -> Iterator[Finding]:
        shared = self._held(sorted(self._sharing))
        seen: set[str] = set()
        for cell, node, held in self._by_node():
            servers = self._view.servers_on(cell, node)
            ground = self._ground(cell.uuid, node)
            suspects = [
                server
                for server in servers
                if not server.is_in_motion and not _fits(need_of(server), server.uuid, held, shared)
            ]
            for server in suspects:
                yield from self._judge(server, ground)
            for move in self._view.moves_from(cell, node):
                if not (
                    move.server.is_in_motion or _fits(need_of_move(move), move.uuid, held, shared)
                ):
                    yield from self._judge_move(move, ground)
            yield from self._strangers(held.keys() - {server.uuid for server in servers})
            if shared:
                seen |= held.keys()
        if self._view.is_everything:
            yield from self._unknown_nodes()
            rest = sorted(shared.keys() - seen)
            for start in range(0, len(rest), PAGE):
                yield from self._strangers(rest[start : start + PAGE])

    def _by_node(self) -> Iterator[tuple[Cell, Node, Held]]:
        """The nodes that Placement knows, some at a time, with their holders."""
        todo = [
            (cell, node)
            for cell in self._view.walked_with_hosts
            for node in self._nodes[cell.uuid]
            if node.uuid in self._trees
        ]
        for start in range(0, len(todo), _NODES):
            some = todo[start : start + _NODES]
            held = self._pool.map(lambda each: self._held(self._own(each[1].uuid)), some)
            yield from ((cell, node, each) for (cell, node), each in zip(some, held, strict=True))

    def _unknown_nodes(self) -> Iterator[Finding]:
        known = {node.uuid for nodes in self._nodes.values() for node in nodes}
        for provider in self._placement.providers(required=[NODE_TRAIT]):
            if provider.root not in known:
                yield from self._strangers(self._held(self._own(provider.root)))

    def _own(self, root: str) -> Sequence[str]:
        return sorted(self._trees.get(root, set()) - self._sharing)

    def _held(self, providers: Sequence[str]) -> Held:
        held: dict[str, dict[str, Mapping[str, int]]] = {}
        for provider in providers:
            try:
                holders = self._placement.held_from(provider)
            except NotFound:
                # Deleted since the listing, so nothing is held from it.
                continue
            for consumer, resources in holders.items():
                held.setdefault(consumer, {})[provider] = resources
        return held

    def _ground(self, cell_uuid: str, node: Node | None) -> Ground:
        tree = frozenset(self._own(node.uuid)) if node else frozenset[str]()
        return Ground(cell_uuid, node, tree, self._sharing)

    def _judge(self, server: CountedServer, ground: Ground) -> Iterator[Finding]:
        if server.uuid in self._told:
            return
        held = self._placement.allocation(server.uuid)
        finding = judge(server, ground, held, self._places(ground))
        if finding is not None:
            self._told.add(server.uuid)
            yield finding

    def _judge_move(self, move: UnansweredMove, ground: Ground) -> Iterator[Finding]:
        held = self._placement.allocation(move.uuid)
        finding = judge_move(move, ground, held, self._places(ground))
        if finding is not None:
            yield finding

    def _places(self, ground: Ground) -> Places:
        def find(query: CandidateQuery) -> Resources | None:
            assert ground.node is not None
            try:
                return place_at_node(self._placement, query, ground.node.uuid).allocations
            except (Conflict, Invalid, NotFound):
                return None

        return find

    def _strangers(self, consumers: Collection[str]) -> Iterator[Finding]:
        """Those who hold something from a node on which they are not.

        Build requests are read before cells: a server on its way from there to a cell is seen at least once.
        """
        if not consumers:
            return
        rest = sorted(set(consumers) - self._view.being_built(consumers))
        homes = self._view.living(rest)
        for consumer in rest:
            if consumer not in homes:
                yield from self._orphan(consumer)
            elif len(homes[consumer]) == 1:
                [(cell_uuid, server)] = homes[consumer].items()
                node = self._at.get((cell_uuid, server.host or "", server.node or ""))
                # On a node that is nowhere, or has no provider, nothing could be put right.
                is_placed = node is not None and node.uuid in self._trees
                if not server.is_in_motion and (is_placed or server.host is None):
                    yield from self._judge(server, self._ground(cell_uuid, node))

    def _orphan(self, consumer: str) -> Iterator[Finding]:
        """Nobody is known by that uuid; which can only be said when every cell was asked."""
        if not self._view.is_whole or consumer in self._told:
            return
        held = self._placement.allocation(consumer)
        if held is None:
            return
        if held.consumer_type in SERVER_TYPES or (
            held.consumer_type == MIGRATION and not self._moves(consumer)
        ):
            self._told.add(consumer)
            yield judge_orphan(held)

    def _moves(self, migration_uuid: str) -> bool:
        """Whether some cell has this migration, and it has not ended. Its row is there before it holds anything."""
        return any(
            self._view.ask(cell, lambda tx: server_migrations.is_in_progress(tx, migration_uuid))
            for cell in self._view.readable
        )


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


def _fits(need: Need | None, consumer: str, *parts: Held) -> bool:
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
