"""Allocations whose servers or moves do not exist: left by a crash at the wrong moment, or by a lost database."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence

from groundwork.errors import Conflict
from nova.clients.placement import Placement
from nova.clients.providers import Allocation, Provider
from nova.cmd.manage.deployment import UNREADABLE, Deployment
from nova.cmd.manage.schemas import one_line
from nova.db.api import mapped_servers
from nova.db.cell import server_migrations, servers
from nova.lifecycle.resize_claims import INSTANCE, MIGRATION

# Consumers of servers; "unknown" is what they were before Placement knew types. Other services have consumers of types
# of their own, which are not judged.
_SERVERS = (INSTANCE, "unknown")
_NO_PROVIDER = 127
# Servers asked for in one query; databases limit the parameters of a statement.
_BATCH = 500


def audit(deployment: Deployment, given: argparse.Namespace) -> int:
    """0: no orphans. 1: failure. 3: orphans found. 4: found and deleted. 127: no such provider."""
    try:
        return _audit(deployment, deployment.placement(), given)
    except UNREADABLE as exc:
        # Nothing is judged as long as one database does not answer: its servers might seem not to exist.
        print(f"The audit ended early: {one_line(exc)}")
        return 1


def _audit(deployment: Deployment, placement: Placement, given: argparse.Namespace) -> int:
    providers: Sequence[Provider]
    if given.resource_provider is None:
        providers = placement.providers()
    else:
        # No uuid at all would ask for the list of them.
        provider = given.resource_provider and placement.provider(given.resource_provider)
        if not provider:
            print(f"Resource provider with UUID {given.resource_provider} does not exist.")
            return _NO_PROVIDER
        providers = [provider]

    found = failed = 0
    for provider in providers:
        if given.verbose:
            print(f"Looking at resource provider {provider.name} ({provider.uuid})")
        for orphan in _orphans(deployment, placement, provider):
            found += 1
            failed += not _tell(placement, provider, orphan, delete=given.delete)
    print(f"Processed {found} allocation{'' if found == 1 else 's'}.")
    if failed:
        return 1
    return (4 if given.delete else 3) if found else 0


def _orphans(
    deployment: Deployment, placement: Placement, provider: Provider
) -> Sequence[Allocation]:
    """What is held at the provider by servers that do not exist, and by moves that have ended or never were.

    What is held is read first, then who exists: a server has its mapping, and a move its row, before it holds anything.
    """
    consumers = sorted(placement.held_from(provider.uuid))
    living = _living(deployment, consumers)
    held = (placement.allocation(uuid) for uuid in consumers if uuid not in living)
    return [
        each
        for each in held
        if each is not None
        and (
            each.consumer_type in _SERVERS
            or (each.consumer_type == MIGRATION and not _moves(deployment, each.consumer))
        )
    ]


def _moves(deployment: Deployment, uuid: str) -> bool:
    """Whether a cell has this migration, and it has not ended."""
    for cell in deployment.cells():
        with deployment.database(cell).read() as tx:
            if server_migrations.is_in_progress(tx, uuid):
                return True
    return False


def _living(deployment: Deployment, uuids: Sequence[str]) -> set[str]:
    """Those of these that are servers, wherever they are; an unmapped one is looked for in every cell."""
    living: set[str] = set()
    for start in range(0, len(uuids), _BATCH):
        batch = uuids[start : start + _BATCH]
        with deployment.api_database().read() as tx:
            cells = mapped_servers.cells_of(tx, batch)
        living |= {uuid for uuid, cell_id in cells.items() if cell_id is None}
        living |= _living_in_cells(deployment, batch, cells)
    return living


def _living_in_cells(
    deployment: Deployment, uuids: Sequence[str], cells: Mapping[str, int | None]
) -> set[str]:
    living: set[str] = set()
    for cell in deployment.cells():
        asked = [uuid for uuid in uuids if cells.get(uuid, cell.id) == cell.id]
        if not asked:
            continue
        with deployment.database(cell).read() as tx:
            hosts = servers.hosts_of(tx, asked)
        living |= {uuid for uuid, host in hosts.items() if host is not None}
    return living


def _tell(placement: Placement, provider: Provider, orphan: Allocation, *, delete: bool) -> bool:
    """Tell of an orphan, and delete what it holds at this provider if wanted; False when that was not possible."""
    what = f"llocations for consumer UUID {orphan.consumer} on Resource Provider {provider.uuid}"
    held = orphan.resources.get(provider.uuid, {})
    amounts = ", ".join(f"{name}: {amount}" for name, amount in sorted(held.items()))
    if not delete:
        print(f"A{what} can be deleted: {amounts}")
        return True
    try:
        _delete_at(placement, provider.uuid, orphan)
    except Conflict as problem:
        print(f"A{what} could not be deleted: {problem}")
        return False
    print(f"Deleted a{what}: {amounts}")
    return True


def _delete_at(placement: Placement, provider: str, orphan: Allocation) -> None:
    """What it holds elsewhere stays. :raises Conflict: the consumer has changed since it was read."""
    rest = {uuid: held for uuid, held in orphan.resources.items() if uuid != provider}
    if not rest:
        placement.delete_allocation(orphan.consumer, expected=orphan)
        return
    placement.claim(
        orphan.consumer,
        rest,
        project_id=orphan.project_id,
        user_id=orphan.user_id,
        consumer_generation=orphan.consumer_generation,
        consumer_type=orphan.consumer_type,
    )
