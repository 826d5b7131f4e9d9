"""A migration: one move of a server from host to host, or of its sizes from flavor to flavor."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from nova.domain.flavor import Flavor
from nova.domain.moment import Moment


class MigrationType(StrEnum):
    """What kind of move it is, as Compute API 2.23 shows it."""

    MIGRATION = "migration"
    RESIZE = "resize"
    LIVE_MIGRATION = "live-migration"
    EVACUATION = "evacuation"


class MigrationStatus(StrEnum):
    """How far a move got; ``queued``, ``preparing``, ``running`` and ``cancelled`` are of live migrations only."""

    ACCEPTED = "accepted"
    QUEUED = "queued"
    PREPARING = "preparing"
    RUNNING = "running"
    PRE_MIGRATING = "pre-migrating"
    MIGRATING = "migrating"
    POST_MIGRATING = "post-migrating"
    #: The server runs at the destination, and the move waits to be confirmed or reverted.
    FINISHED = "finished"
    CONFIRMING = "confirming"
    CONFIRMED = "confirmed"
    REVERTING = "reverting"
    REVERTED = "reverted"
    DONE = "done"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    FAILED = "failed"
    ERROR = "error"


#: Nothing more is going to happen: neither of the two hosts is held by the move any longer.
ENDED = frozenset(
    {
        MigrationStatus.CONFIRMED,
        MigrationStatus.REVERTED,
        MigrationStatus.DONE,
        MigrationStatus.COMPLETED,
        MigrationStatus.CANCELLED,
        MigrationStatus.FAILED,
        MigrationStatus.ERROR,
    }
)
IN_PROGRESS = frozenset(MigrationStatus) - ENDED


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a live migration got, in bytes; None where the hypervisor has not said."""

    memory_total: int | None = None
    memory_processed: int | None = None
    memory_remaining: int | None = None
    disk_total: int | None = None
    disk_processed: int | None = None
    disk_remaining: int | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """What a server was before a move that can be taken back, beside the host and node that the migration names."""

    flavor: Flavor
    vm_state: str
    availability_zone: str | None = None


@dataclass(frozen=True, slots=True)
class Migration:
    """A move. Its ``uuid`` is also the consumer that holds the source host's resources meanwhile."""

    uuid: str
    server_uuid: str
    project_id: str
    user_id: str
    migration_type: MigrationType
    status: MigrationStatus
    created_at: Moment
    #: Row id in its cell; 0 while it was never stored.
    id: int = 0
    updated_at: Moment | None = None
    source_compute: str | None = None
    source_node: str | None = None
    dest_compute: str | None = None
    dest_node: str | None = None
    #: The address by which the source reaches the destination.
    dest_host: str | None = None
    #: Row ids of flavors in the API database.
    old_flavor_id: int | None = None
    new_flavor_id: int | None = None
    #: Kept out of the lists of those who ask for ``hidden=0``.
    is_hidden: bool = False
    progress: Progress = Progress()
    #: Of resizes and cold migrations only.
    origin: Origin | None = None

    @property
    def is_live_in_progress(self) -> bool:
        """Whether it is a live migration that can still be watched."""
        return self.migration_type is MigrationType.LIVE_MIGRATION and self.status in IN_PROGRESS
