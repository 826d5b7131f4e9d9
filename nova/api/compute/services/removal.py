"""Removing a service, and with a compute service all that is known of its host."""

from __future__ import annotations

from groundwork.context import RequestContext
from groundwork.database import Database, Transaction
from groundwork.errors import Conflict
from nova.cells.registry import Cell
from nova.cells.target import Targets
from nova.clients.placement import Placement
from nova.clients.placement_errors import InUse
from nova.db.api import aggregates, host_mappings
from nova.db.cell import compute_nodes, server_migrations, services
from nova.db.cell.services import COMPUTE, ServiceRow


class ServiceRemoval:
    """Removal in an order in which a repetition finds the rest: the service's own row goes last."""

    def __init__(self, *, api_database: Database, targets: Targets, placement: Placement) -> None:
        self._api_database = api_database
        self._targets = targets
        self._placement = placement

    def remove(self, context: RequestContext, cell: Cell, service: ServiceRow) -> None:
        """Remove the service; a compute service with its nodes, providers, aggregate memberships and host mapping.

        :raises Conflict: the host has servers, servers move from or to it, or something is claimed on it.
        :raises Unavailable: Placement does not answer; nothing is lost by repeating.
        """
        database = self._targets.database(cell)
        if service.binary == COMPUTE:
            self._remove_providers(context, database, service.host)
            self._api_database.run(lambda tx: _forget_host(tx, cell, service.host))
        database.run(lambda tx: _forget_service(tx, service))

    def _remove_providers(self, context: RequestContext, database: Database, host: str) -> None:
        """From here on nothing can be claimed on the host; what was claimed since the look at the servers stops us."""
        with database.read() as tx:
            _require_empty(tx, host)
            nodes = compute_nodes.list_on_host(tx, host)
        placement = self._placement.acting_for(context)
        for node in nodes:
            for provider in reversed(placement.tree(node.uuid)):
                try:
                    placement.delete_provider(provider.uuid)
                except InUse as exc:
                    raise Conflict(
                        f"Something is still claimed on {node.hypervisor_hostname}: servers that are being built or "
                        "moved, or allocations of servers that are gone.",
                        internal=exc.internal,
                    ) from exc


def _require_empty(tx: Transaction, host: str) -> None:
    count = compute_nodes.count_servers(tx, host)
    if count:
        raise Conflict(
            f"Unable to delete compute service that is hosting instances: {host} has {count}. Migrate or delete them "
            "first."
        )
    moving = server_migrations.count_in_progress(tx, host)
    if moving:
        raise Conflict(
            f"Unable to delete compute service that has in-progress migrations: {host} has {moving}. Complete, confirm "
            "or revert them first."
        )


def _forget_host(tx: Transaction, cell: Cell, host: str) -> None:
    mapping = host_mappings.find(tx, host)
    # A host of the same name in another cell is another host, and the mapped one is the one that aggregates mean.
    if mapping is not None and mapping.cell_id != cell.id:
        return
    aggregates.remove_host(tx, host)
    host_mappings.unmap_host(tx, host)


def _forget_service(tx: Transaction, service: ServiceRow) -> None:
    if service.binary == COMPUTE:
        _require_empty(tx, service.host)
        compute_nodes.delete_on_host(tx, service.host)
    services.delete(tx, service.uuid)
