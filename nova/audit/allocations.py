"""Every allocation belongs to a server, and every server on a host holds what its flavor needs there.

Read node by node: what is held from the providers of its tree, against the servers that its cell has on it. Who holds
something without being there is looked for in the build requests and in every cell.

A migration holds the old host of a move until that is confirmed or reverted; when it has ended, it should hold nothing.

In motion, and not judged: servers with an operation under way or a task_state, builds (claimed before any cell knows
them), migrations that have not ended, and consumers that are of no kind of ours. Classes that flavors
do not stand for (bandwidth, accelerators) are left to whoever claimed them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from groundwork.errors import Invalid, NotFound
from nova.audit.finding import Check, CorrectAllocation, DeleteAllocation, Finding, Kind
from nova.audit.hosts import NODE_TRAIT
from nova.audit.view import PAGE, View
from nova.cells.registry import Cell
from nova.clients.providers import Allocation
from nova.db.cell import census, server_migrations
from nova.db.cell.census import CountedServer, Node
from nova.domain.migration import IN_PROGRESS
from nova.domain.request_spec import RequestSpec
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

# consumer -> provider -> class -> amount
Held = Mapping[str, Mapping[str, Mapping[str, int]]]


@dataclass(frozen=True, slots=True)
class Need:
    """What a server needs in all. ``is_plain``: from its node's own provider, nothing is split into groups."""

    totals: Mapping[str, int]
    is_plain: bool


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
                if not server.is_in_motion
                and not _fits(server, [held.get(server.uuid, {}), shared.get(server.uuid, {})])
            ]
            for server in suspects:
                yield from self._judge(server, ground)
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
        finding = judge(server, ground, self._placement.allocation(server.uuid))
        if finding is not None:
            self._told.add(server.uuid)
            yield finding

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
        for cell in self._view.readable:
            found = self._view.ask(cell, lambda tx: server_migrations.find(tx, migration_uuid))
            if found is not None and found.status in IN_PROGRESS:
                return True
        return False


def need_of(server: CountedServer) -> Need | None:
    """What the server needs by its own copy of the flavor; None when that asks for nothing, or makes no sense."""
    spec = RequestSpec(
        project_id=server.project_id,
        user_id=server.user_id,
        flavor=server.flavor,
        is_volume_backed=not server.image_ref,
    )
    try:
        query = candidate_query(spec)
    except Invalid:
        return None
    return Need(total_resources(query), is_plain=len(query.groups) == 1)


def _fits(server: CountedServer, parts: Sequence[Mapping[str, Mapping[str, int]]]) -> bool:
    need = need_of(server)
    totals: dict[str, int] = {}
    for part in parts:
        _add(totals, part)
    return need is None or not _differences(need.totals, totals)


def _add(totals: dict[str, int], resources: Mapping[str, Mapping[str, int]]) -> None:
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


def judge(server: CountedServer, ground: Ground, held: Allocation | None) -> Finding | None:
    """What is wrong with all that a resting server holds; None when it fits.

    ``ground.node`` None: the server is on no host, so it should hold nothing.
    """
    need = need_of(server) if ground.node else Need({}, is_plain=True)
    if need is None:
        return None
    resources = held.resources if held else {}
    here = ground.tree | ground.sharing
    elsewhere = sorted(resources.keys() - here)
    totals: dict[str, int] = {}
    _add(totals, {uuid: on for uuid, on in resources.items() if uuid in here})
    wrong = _differences(need.totals, totals)
    if held is None and need.totals:
        kind = Kind.ALLOCATION_MISSING
        text = f"is on {server.host} and holds nothing in Placement: the host may be overcommitted"
    elif elsewhere:
        kind = Kind.ALLOCATION_WRONG
        text = f"is on {server.host or 'no host'}, but holds something from {', '.join(elsewhere)}"
    elif wrong:
        kind = Kind.ALLOCATION_WRONG
        amounts = [
            f"{name} {has} (needs {need.totals.get(name, 0)})" for name, has in wrong.items()
        ]
        text = f"is on {server.host}, but holds {', '.join(amounts)}"
    else:
        return None
    wanted = _wanted(need, ground, resources, is_right_here=not wrong)
    return Finding(
        Check.ALLOCATIONS,
        kind,
        server.uuid,
        text,
        "make room on its host or move it; for devices and NUMA cells write the allocation by hand",
        ground.cell_uuid,
        None
        if wanted is None
        else CorrectAllocation(
            server.uuid,
            ground.cell_uuid,
            server.host,
            server.node,
            wanted,
            held.consumer_generation if held else None,
        ),
    )


def _wanted(
    need: Need,
    ground: Ground,
    resources: Mapping[str, Mapping[str, int]],
    *,
    is_right_here: bool,
) -> Mapping[str, Mapping[str, int]] | None:
    """What the server should hold; None where that is not for us to choose (which device, which NUMA cell)."""
    kept = {uuid: on for uuid, on in resources.items() if uuid in ground.tree | ground.sharing}
    if is_right_here:
        return kept
    if ground.node is None:
        return {}
    root = ground.node.uuid
    if not need.is_plain or kept.keys() - {root}:
        return None
    others = {name: n for name, n in kept.get(root, {}).items() if name not in SIZES}
    return {root: {**others, **need.totals}}


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
