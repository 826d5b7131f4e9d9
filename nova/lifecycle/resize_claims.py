"""Who holds what in Placement while a server moves.

The *migration's uuid* is the consumer of what the server holds on its source, and the server's own uuid of what is
claimed at the destination. Each change of hands is one write to Placement, guarded by the generations of both
consumers, so no moment is without a claim for a guest that is there, and at the end exactly one is left:

    before                server: source
    hold_source           server: -            migration: source
    (claimed)             server: destination  migration: source
    confirmed             server: destination  (the migration's is deleted)
    (destination failed)  server: alternate    migration: source    (in one write, in place of the destination)
    reverted, or failed   server: source       (in one write, in place of the destination)

All of it may run twice: what is read first tells whether it was done.

Should the migration's be lost while it waits for an answer, the source is claimed anew before a revert begins
(``hold_source_again``). Where it is lost while the move fails, the audit finds the server holding another host.
"""

from __future__ import annotations

from groundwork.errors import Conflict, NotFound
from nova.clients.placement import Placement
from nova.domain.migration import Origin
from nova.domain.request_spec import RequestSpec
from nova.domain.selection import Selection
from nova.domain.server import Server
from nova.lifecycle.node_claims import place_at_node
from nova.scheduler.demand import candidate_query

#: The consumer types, as Placement 1.38 knows them.
INSTANCE = "INSTANCE"
MIGRATION = "MIGRATION"


def hold_source(placement: Placement, server_uuid: str, migration_uuid: str) -> None:
    """Let the migration hold what the server holds.

    :raises ConcurrentUpdate: somebody changed what one of them holds.
    """
    if placement.allocation(migration_uuid) is not None:
        return
    held = placement.allocation(server_uuid)
    if held is not None:
        placement.transfer(held, to=migration_uuid, consumer_type=MIGRATION)


def hold_source_again(
    placement: Placement,
    server: Server,
    origin: Origin,
    *,
    migration_uuid: str,
    node_uuid: str | None,
) -> bool:
    """Let the migration hold what the server was at the node that it has left; False when it holds something already.

    ``node_uuid`` None: there is no such node any more.

    :raises NoRoom: others have been given the room since.
    :raises NotFound: there is no node, or no provider of it.
    :raises Invalid: the old flavor makes no sense.
    :raises ConcurrentUpdate: somebody changed what it holds.
    """
    if placement.allocation(migration_uuid) is not None:
        return False
    if node_uuid is None:
        raise NotFound("The node that the server has left is gone.", server=server.uuid)
    spec = RequestSpec(
        project_id=server.project_id,
        user_id=server.user_id,
        flavor=origin.flavor,
        image_properties=server.image_properties,
        is_volume_backed=not server.image_ref,
    )
    place = place_at_node(placement, candidate_query(spec), node_uuid)
    placement.claim(
        migration_uuid,
        place.allocations,
        project_id=server.project_id,
        user_id=server.user_id,
        consumer_type=MIGRATION,
        mappings=place.mappings,
    )
    return True


def claim_instead(
    placement: Placement, server: Server, migration_uuid: str, alternate: Selection
) -> bool:
    """Let the server hold the alternate instead of its destination; False when that may not be, or there is no room.

    It may not be any more when the server holds its source again, or nothing, because somebody has ended it.
    """
    held = placement.allocation(server.uuid)
    # In this order: when the source is given back after this, what the server was found to hold is no more.
    if held is None or placement.allocation(migration_uuid) is None:
        return False
    try:
        placement.claim(
            server.uuid,
            alternate.allocations,
            project_id=server.project_id,
            user_id=server.user_id,
            consumer_generation=held.consumer_generation,
            mappings=alternate.mappings,
        )
    except Conflict:
        return False
    return True


def put_back(placement: Placement, server_uuid: str, migration_uuid: str) -> None:
    """Let the server hold again what the migration holds for it, instead of whatever it holds now.

    :raises ConcurrentUpdate: somebody changed what one of them holds.
    """
    kept = placement.allocation(migration_uuid)
    if kept is None:
        return
    claimed = placement.allocation(server_uuid)
    placement.transfer(kept, to=server_uuid, consumer_type=INSTANCE, replaced=claimed)
