"""Who holds what in Placement while a server moves.

The *migration's uuid* is the consumer of what the server holds on its source, and the server's own uuid of what is
claimed at the destination. Each change of hands is one write to Placement, guarded by the generations of both
consumers, so no moment is without a claim for a guest that is there, and at the end exactly one is left:

    before                server: source
    hold_source           server: -            migration: source
    (claimed)             server: destination  migration: source
    confirmed             server: destination  (the migration's is deleted)
    reverted, or failed   server: source       (in one write, in place of the destination)

All of it may run twice: what is read first tells whether it was done.
"""

from __future__ import annotations

from nova.clients.placement import Placement

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


def put_back(placement: Placement, server_uuid: str, migration_uuid: str) -> None:
    """Let the server hold again what the migration holds for it, instead of whatever it holds now.

    :raises ConcurrentUpdate: somebody changed what one of them holds.
    """
    kept = placement.allocation(migration_uuid)
    if kept is None:
        return
    claimed = placement.allocation(server_uuid)
    placement.transfer(kept, to=server_uuid, consumer_type=INSTANCE, replaced=claimed)
