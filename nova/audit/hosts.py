"""Hosts are known alike everywhere: host mapping, compute service, compute node, resource provider.

In motion: a host that has just started has a service before it has a node, and a node before it has a provider; a host
that is not discovered yet has no mapping, which is no finding.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from nova.audit.finding import Check, Finding, ForgetHost, Kind
from nova.audit.view import View
from nova.cells.registry import Cell
from nova.clients.providers import Provider
from nova.db.api import host_mappings
from nova.db.cell import census, services
from nova.db.cell.census import Node, Place

#: Every node's root provider has this trait, and no other provider.
NODE_TRAIT = "COMPUTE_NODE"


def look(view: View) -> Iterator[Finding]:
    """Each cell's hosts, then providers of nodes that no cell has."""
    providers = {each.uuid: each for each in view.placement.providers(required=[NODE_TRAIT])}
    nodes: set[str] = set()
    for cell in view.walked_with_hosts:
        own = view.ask(cell, census.nodes)
        nodes |= {node.uuid for node in own}
        reporting = view.ask(cell, lambda tx: services.list_services(tx, binary=services.COMPUTE))
        serving = {service.host for service in reporting}
        mapped = view.ask_api(
            lambda tx, cell=cell: host_mappings.list_mappings(tx, cell_ids=[cell.id])  # type: ignore[misc]
        )
        busy = view.ask(cell, census.places)
        yield from judge_hosts(cell, {each.host for each in mapped}, serving, own, busy)
        yield from judge_nodes(cell, own, providers)
    if view.is_everything and view.is_whole:
        yield from judge_providers(providers, nodes)


def judge_hosts(
    cell: Cell,
    mapped: Collection[str],
    serving: Collection[str],
    nodes: Collection[Node],
    busy: Collection[Place],
) -> Iterator[Finding]:
    """Mapped hosts, nodes and servers of one cell against its compute services."""
    with_nodes = {node.host for node in nodes}
    with_servers = {place.host for place in busy}
    for host in sorted(set(mapped) - set(serving) - with_nodes):
        yield Finding(
            Check.HOSTS,
            Kind.HOST_MAPPING_ORPHANED,
            host,
            f"is mapped to cell {cell.uuid}, which has neither service nor node of it",
            "nova-manage cell_v2 delete_host, once no server is on it",
            cell.uuid,
            None if host in with_servers else ForgetHost(cell.uuid, host),
        )
    for node in nodes:
        if node.host not in serving:
            yield Finding(
                Check.HOSTS,
                Kind.NODE_WITHOUT_SERVICE,
                node.name,
                f"is a node of host {node.host} in cell {cell.uuid}, which has no compute service of that name",
                "start nova-compute there, or move its servers away and delete the node",
                cell.uuid,
            )
    known = {(node.host, node.name) for node in nodes}
    for place in busy:
        if (place.host, place.node) not in known:
            yield Finding(
                Check.HOSTS,
                Kind.SERVERS_WITHOUT_NODE,
                f"{place.host}/{place.node}",
                f"cell {cell.uuid} has {place.servers} servers on it, but no such node",
                "start nova-compute there, or evacuate its servers",
                cell.uuid,
            )


def judge_nodes(
    cell: Cell, nodes: Collection[Node], providers: Mapping[str, Provider]
) -> Iterator[Finding]:
    """Nodes against Placement."""
    for node in nodes:
        if node.uuid not in providers:
            yield Finding(
                Check.HOSTS,
                Kind.NODE_WITHOUT_PROVIDER,
                node.name,
                f"is a node of host {node.host}, but Placement has no compute node {node.uuid}",
                "its nova-compute makes the provider with its next report; if it does not, read its log",
                cell.uuid,
            )


def judge_providers(providers: Mapping[str, Provider], nodes: Collection[str]) -> Iterator[Finding]:
    """Providers of compute nodes that are in no cell: servers could be placed on them, and would fail."""
    for uuid in sorted(providers.keys() - set(nodes)):
        yield Finding(
            Check.HOSTS,
            Kind.PROVIDER_WITHOUT_NODE,
            uuid,
            f"the provider {providers[uuid].name} is a compute node, but no cell has it",
            "openstack resource provider delete, once nothing is allocated from it",
        )
