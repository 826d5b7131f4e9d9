"""Every allocation belongs to a server, and every server on a host holds what its flavor needs there.

Read node by node: what is held from the providers of its tree, against the servers that its cell has on it. Who holds
something without being there is looked for in the build requests and in every cell.

A migration holds the old host of a move, by the flavor that the server had there, until the move is confirmed or
reverted; when it has ended, it should hold nothing.

In motion, and not judged: servers with an operation under way or a task_state, builds (claimed before any cell knows
them), migrations that have not ended, and consumers that are of no kind of ours. What is judged, and how, is in
:mod:`nova.audit.holdings`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from groundwork.errors import Conflict, Invalid, NotFound
from nova.audit.finding import Finding
from nova.audit.holdings import (
    Ground,
    Held,
    Places,
    Resources,
    fits,
    judge,
    judge_move,
    judge_orphan,
    need_of,
    need_of_move,
)
from nova.audit.hosts import NODE_TRAIT
from nova.audit.view import PAGE, View
from nova.cells.registry import Cell
from nova.clients.candidates import CandidateQuery
from nova.db.cell import census, server_migrations
from nova.db.cell.census import CountedServer, Node, UnansweredMove
from nova.lifecycle.node_claims import place_at_node
from nova.lifecycle.resize_claims import MIGRATION

SHARING_TRAIT = "MISC_SHARES_VIA_AGGREGATE"
#: Consumer types of servers; ``unknown`` is what clients older than Placement 1.38 left.
SERVER_TYPES = frozenset({"INSTANCE", "unknown"})

# Requests to Placement at once. More: an audit is felt by those who create servers; fewer: it takes longer.
_THREADS = 8
# Nodes whose holders are in memory at once.
_NODES = 64


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
                if not server.is_in_motion and not fits(need_of(server), server.uuid, held, shared)
            ]
            for server in suspects:
                yield from self._judge(server, ground)
            for move in self._view.moves_from(cell, node):
                if not (
                    move.server.is_in_motion or fits(need_of_move(move), move.uuid, held, shared)
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
