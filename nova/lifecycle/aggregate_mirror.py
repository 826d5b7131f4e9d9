"""Aggregates in Placement: the providers of a host's nodes are in the aggregates that the host is in.

So Placement can leave hosts out by itself (tenant isolation, availability zones, isolated aggregates). The API database
is the truth. Whatever Placement or a cell misses is told in the log, and made up for by ``nova-manage placement
sync_aggregates``, which calls :func:`mirror_host` for every host of every aggregate.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from groundwork.context import RequestContext
from groundwork.database import Database
from groundwork.errors import Conflict, NotFound, Problem
from nova.cells.registry import Registry
from nova.cells.target import Targets
from nova.clients.placement import Placement
from nova.db.api import host_mappings
from nova.db.api.aggregates import Aggregate
from nova.db.cell import compute_nodes
from nova.db.cell.compute_nodes import ComputeNodeRow

LOG = logging.getLogger(__name__)

NodesOf = Callable[[str], tuple[ComputeNodeRow, ...] | None]


class Result(StrEnum):
    """What came of one host or one node of it."""

    SAME = "was so already"
    CHANGED = "was changed"
    NO_MAPPING = "the host is in no cell"
    NO_NODE = "the host has no compute node"
    NO_PROVIDER = "the node has no resource provider"
    CONFLICT = "others change the provider all the time"
    FAILED = "Placement or the cell does not answer"


@dataclass(frozen=True, slots=True)
class Mirrored:
    """``node`` is None when it did not come to a node; ``reason`` is for operators."""

    host: str
    result: Result
    node: ComputeNodeRow | None = None
    reason: str = ""

    @property
    def is_right_now(self) -> bool:
        """Whether Placement says what the API database says."""
        return self.result in (Result.SAME, Result.CHANGED)


def mirror_host(
    host: str, aggregate_uuid: str, *, is_member: bool, nodes_of: NodesOf, placement: Placement
) -> Iterator[Mirrored]:
    """Make each node of the host a member of the aggregate in Placement, or none; what came of each.

    ``nodes_of`` gives the nodes of a host, None for one that is in no cell (see :func:`nodes_by_host`). Never raises a
    ``Problem``.
    """
    try:
        nodes = nodes_of(host)
    except Exception as exc:
        # Whatever the cell's database says: the other hosts are mirrored all the same.
        yield Mirrored(host, Result.FAILED, reason=str(exc))
        return
    if nodes is None:
        yield Mirrored(host, Result.NO_MAPPING)
    elif not nodes:
        yield Mirrored(host, Result.NO_NODE)
    else:
        for node in nodes:
            yield _mirror_node(node, aggregate_uuid, is_member, placement)


def _mirror_node(
    node: ComputeNodeRow, aggregate_uuid: str, is_member: bool, placement: Placement
) -> Mirrored:
    result = Result.SAME

    def change(present: frozenset[str]) -> frozenset[str]:
        nonlocal result
        wanted = present | {aggregate_uuid} if is_member else present - {aggregate_uuid}
        result = Result.SAME if wanted == present else Result.CHANGED
        return wanted

    reason = ""
    try:
        placement.change_aggregates(node.uuid, change)
    except NotFound:
        result = Result.NO_PROVIDER
    except Conflict as lost:
        result, reason = Result.CONFLICT, lost.internal or lost.text
    except Problem as problem:
        result, reason = Result.FAILED, problem.internal or problem.text
    return Mirrored(node.host, result, node, reason)


def nodes_by_host(api_database: Database, registry: Registry, targets: Targets) -> NodesOf:
    """Looks the nodes of hosts up, in the cell that each host is mapped to."""

    def nodes_of(host: str) -> tuple[ComputeNodeRow, ...] | None:
        with api_database.read() as tx:
            mapping = host_mappings.find(tx, host)
        if mapping is None:
            return None
        with targets.database(registry.by_id(mapping.cell_id)).read() as tx:
            return tuple(compute_nodes.list_on_host(tx, host))

    return nodes_of


class AggregateMirror:
    """What the API does after a host came or went. A failure is logged: the operator's change stands."""

    def __init__(
        self, *, api_database: Database, registry: Registry, targets: Targets, placement: Placement
    ) -> None:
        self._nodes_of = nodes_by_host(api_database, registry, targets)
        self._placement = placement

    def host_came(self, context: RequestContext, aggregate: Aggregate, host: str) -> None:
        """The host is in the aggregate now."""
        self._mirror(context, aggregate, host, is_member=True)

    def host_went(self, context: RequestContext, aggregate: Aggregate, host: str) -> None:
        """The host is not in the aggregate any more."""
        self._mirror(context, aggregate, host, is_member=False)

    def _mirror(
        self, context: RequestContext, aggregate: Aggregate, host: str, *, is_member: bool
    ) -> None:
        for done in mirror_host(
            host,
            aggregate.uuid,
            is_member=is_member,
            nodes_of=self._nodes_of,
            placement=self._placement.acting_for(context),
        ):
            if not done.is_right_now:
                LOG.warning(
                    "Placement does not know that host %s (node %s) %s aggregate %s: %s %s; 'nova-manage placement "
                    "sync_aggregates' puts that right",
                    host,
                    done.node and done.node.hypervisor_hostname,
                    "is in" if is_member else "has left",
                    aggregate.uuid,
                    done.result,
                    done.reason,
                )
