"""Host aggregates mirrored to Placement: every provider of a host is in the aggregates of that host."""

from __future__ import annotations

import argparse

from groundwork import starting
from nova.cmd.manage.deployment import UNREADABLE, Deployment
from nova.cmd.manage.schemas import one_line
from nova.db.api import aggregates, host_mappings
from nova.db.cell import compute_nodes
from nova.db.cell.compute_nodes import ComputeNodeRow
from nova.lifecycle.aggregate_mirror import Mirrored, Result, mirror_host

_SEVERAL_NODES = 1
_STATUSES = {
    Result.SAME: 0,
    Result.CHANGED: 0,
    Result.FAILED: 2,
    Result.CONFLICT: 3,
    Result.NO_MAPPING: 4,
    Result.NO_NODE: 5,
    Result.NO_PROVIDER: 6,
}


def sync_aggregates(deployment: Deployment, given: argparse.Namespace) -> int:
    """1: a host with several nodes. 2: Placement fails. 3: not written. 4: host not mapped. 5: no node. 6: no provider.

    Hosts in trouble do not keep others from being mirrored; the first trouble is the exit status, 255 where a cell
    cannot be read. Only a Placement that does not answer ends it at once.
    """
    placement = deployment.placement()
    with deployment.api_database().read() as tx:
        found = aggregates.list_aggregates(tx)
    nodes: dict[str, tuple[ComputeNodeRow, ...] | None] = {}
    status = 0
    for host in sorted({host for each in found for host in each.hosts}):
        try:
            nodes[host] = _nodes_of(deployment, host)
        except UNREADABLE as exc:
            print(f"The cell of host {host} cannot be read: {one_line(exc)}")
            status = status or starting.UNEXPECTED
            continue
        if len(nodes[host] or ()) > 1:
            print(f"Host {host} has several compute nodes; aggregates do not say which is meant.")
            status = status or _SEVERAL_NODES
            continue
        for aggregate in (each for each in found if host in each.hosts):
            for done in mirror_host(
                host,
                aggregate.uuid,
                is_member=True,
                nodes_of=nodes.__getitem__,
                placement=placement,
            ):
                _tell(done, aggregate.uuid, verbose=given.verbose)
                status = status or _STATUSES[done.result]
                if done.result is Result.FAILED:
                    return _STATUSES[done.result]
            if status and done.result in (Result.NO_MAPPING, Result.NO_NODE, Result.NO_PROVIDER):
                break
    return status


def _nodes_of(deployment: Deployment, host: str) -> tuple[ComputeNodeRow, ...] | None:
    """The nodes of a host; None when it is in no cell."""
    with deployment.api_database().read() as tx:
        mapping = host_mappings.find(tx, host)
    cells = (cell for cell in deployment.cells() if mapping and cell.id == mapping.cell_id)
    cell = next(cells, None)
    if cell is None:
        return None
    with deployment.database(cell).read() as tx:
        return tuple(compute_nodes.list_on_host(tx, host))


def _tell(done: Mirrored, aggregate_uuid: str, *, verbose: bool) -> None:
    match done.result:
        case Result.SAME | Result.CHANGED if not verbose:
            return
        case Result.SAME | Result.CHANGED:
            assert done.node is not None
            said = "Added" if done.result is Result.CHANGED else "Already there:"
            print(
                f"{said} host {done.host} (provider {done.node.uuid}) in aggregate {aggregate_uuid}"
            )
        case Result.FAILED:
            print(f"Placement fails: {done.reason}")
        case _:
            print(f"Host {done.host} was left as it was: {done.result} {done.reason}".rstrip())
