"""Host aggregates mirrored to Placement: every provider of a host is in the aggregates of that host."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

from groundwork.errors import Conflict, Invalid, NotFound, Problem, Unavailable
from nova.clients.placement import Placement
from nova.cmd.manage.deployment import Deployment
from nova.db.api import aggregate_members, host_mappings
from nova.db.cell import compute_nodes


class _Unsynced(Problem):
    """A host was left as it was; the fact ``status`` is the exit status that stands for the reason."""


def sync_aggregates(deployment: Deployment, given: argparse.Namespace) -> int:
    """1: a host with several nodes. 2: Placement fails. 3: not written. 4: host not mapped. 5: no node. 6: no provider.

    Hosts in trouble do not keep others from being mirrored; the first trouble is the exit status.
    """
    placement = deployment.placement()
    status = 0
    for host, aggregates in _aggregates_by_host(deployment).items():
        try:
            provider = _node_of(deployment, host)
            added = add_to_aggregates(placement, provider, aggregates)
        except Unavailable as problem:
            print(f"Placement fails: {problem}")
            return 2
        except (NotFound, Conflict, Invalid, _Unsynced) as problem:
            found, line = _reason(host, problem)
            print(line)
            status = status or found
            continue
        if given.verbose:
            for aggregate in aggregates:
                done = "Added" if aggregate in added else "Already there:"
                print(f"{done} host {host} (provider {provider}) in aggregate {aggregate}")
    return status


def add_to_aggregates(
    placement: Placement, provider: str, aggregates: Iterable[str]
) -> frozenset[str]:
    """Put a provider into these aggregates; those that it was not in yet. It stays in all others.

    :raises NotFound: no such provider.
    :raises Conflict: others change the provider all the time.
    """
    wanted = frozenset(aggregates)
    added: frozenset[str] = frozenset()

    def change(present: frozenset[str]) -> frozenset[str]:
        nonlocal added
        added = wanted - present
        return present | wanted

    placement.change_aggregates(provider, change)
    return added


def _aggregates_by_host(deployment: Deployment) -> Mapping[str, Sequence[str]]:
    with deployment.api_database().read() as tx:
        members = aggregate_members.list_members(tx)
    return {
        host: [member.aggregate_uuid for member in found]
        for host, found in groupby(members, key=lambda member: member.host)
    }


def _node_of(deployment: Deployment, host: str) -> str:
    """The uuid of the only node of a host, which is also that of its provider. :raises _Unsynced: there is none."""
    with deployment.api_database().read() as tx:
        mapping = host_mappings.find(tx, host)
    cell = next(
        (cell for cell in deployment.cells() if mapping and cell.id == mapping.cell_id), None
    )
    if cell is None:
        raise _Unsynced(
            f"No host mapping found for {host}: run 'cell_v2 discover_hosts'.", status=4
        )
    with deployment.database(cell).read() as tx:
        nodes = compute_nodes.list_on_host(tx, host)
    match nodes:
        case []:
            raise _Unsynced(f"No compute node found for host {host} in cell {cell.uuid}.", status=5)
        case [node]:
            return node.uuid
    raise _Unsynced(
        f"Host {host} has {len(nodes)} compute nodes; aggregates say nothing about which is meant.",
        status=1,
    )


def _reason(host: str, problem: Problem) -> tuple[int, str]:
    match problem:
        case _Unsynced():
            return problem.facts["status"], str(problem)
        case NotFound():
            return 6, f"No resource provider found for host {host}."
    return 3, f"The provider of host {host} could not be updated: {problem}"
