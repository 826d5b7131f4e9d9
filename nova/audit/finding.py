"""What the audit finds: a thing, what is wrong with it, and what may be done about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from nova.clients.providers import Allocation
from nova.db.api.census import Counted


class Check(StrEnum):
    """The invariants by name, in the order in which they are looked at and healed.

    Operations first: what they leave unfinished shows in the others. Mappings before the ledger and both before the
    allocations, because whose an allocation is follows from them.
    """

    OPERATIONS = "operations"
    BUILDS = "builds"
    MAPPINGS = "mappings"
    LEDGER = "ledger"
    ALLOCATIONS = "allocations"
    HOSTS = "hosts"


class Kind(StrEnum):
    """What is wrong; stable names, for metrics and scripts."""

    DEAD_OWNER = "dead-owner"
    IDLE_OPERATION = "idle-operation"
    BLOCKED_IN_VAIN = "blocked-in-vain"
    UNATTENDED_SERVER = "unattended-server"
    INTERRUPTED_REPAIR = "interrupted-repair"
    IDLE_BUILD = "idle-build"
    BUILD_IN_CELL = "build-in-cell"
    MAPPED_ELSEWHERE = "mapped-elsewhere"
    IN_TWO_CELLS = "in-two-cells"
    SERVER_WITHOUT_MAPPING = "server-without-mapping"
    MAPPING_WITHOUT_SERVER = "mapping-without-server"
    WRONG_COUNT = "wrong-count"
    COUNTED_THOUGH_DELETED = "counted-though-deleted"
    NOT_COUNTED = "not-counted"
    ALLOCATION_MISSING = "allocation-missing"
    ALLOCATION_WRONG = "allocation-wrong"
    ALLOCATION_ORPHANED = "allocation-orphaned"
    HOST_MAPPING_ORPHANED = "host-mapping-orphaned"
    NODE_WITHOUT_SERVICE = "node-without-service"
    NODE_WITHOUT_PROVIDER = "node-without-provider"
    PROVIDER_WITHOUT_NODE = "provider-without-node"
    SERVERS_WITHOUT_NODE = "servers-without-node"


@dataclass(frozen=True, slots=True)
class CorrectAllocation:
    """Let a living server hold exactly ``wanted`` in place of what it was seen to hold (generation None: nothing).

    ``host`` and ``node``: where it is. With ``migration_uuid`` it is that unanswered move of the server which holds:
    what the server was at the host and node that it has left.
    """

    server_uuid: str
    cell_uuid: str
    host: str | None
    node: str | None
    wanted: Mapping[str, Mapping[str, int]]
    seen_generation: int | None
    migration_uuid: str | None = None


@dataclass(frozen=True, slots=True)
class DeleteAllocation:
    """Take everything from a consumer that nobody knows, if it still holds what was seen."""

    seen: Allocation


@dataclass(frozen=True, slots=True)
class CorrectMapping:
    """Change a mapping that still is as it was seen. ``cell_uuid``: where its living server is told of it."""

    seen: Counted
    values: Mapping[str, Any]
    cell_uuid: str | None = None


@dataclass(frozen=True, slots=True)
class AddMapping:
    """Map a living server that has no mapping."""

    cell_uuid: str
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ForgetMapping:
    """Remove what is left of a build that never reached a cell."""

    seen: Counted


@dataclass(frozen=True, slots=True)
class Nudge:
    """Free an operation from its dead owner, or from waiting in vain, and hint at it; ``cell_uuid`` None: a build."""

    cell_uuid: str | None
    operation_id: int
    owner: str | None = None
    incarnation: str | None = None


@dataclass(frozen=True, slots=True)
class SettleServer:
    """End a task that nobody works on; ``updated_at`` as it was seen."""

    server_uuid: str
    cell_uuid: str
    vm_state: str
    task_state: str | None
    updated_at: datetime | None


@dataclass(frozen=True, slots=True)
class ForgetHost:
    """Unmap a host that its cell does not know and that has no servers."""

    cell_uuid: str
    host: str


@dataclass(frozen=True, slots=True)
class EndRecord:
    """Write down that nobody knows how a repair ended (the record's number). What is wrong still is found anew."""

    record_id: int


Repair = (
    CorrectAllocation
    | DeleteAllocation
    | CorrectMapping
    | AddMapping
    | ForgetMapping
    | Nudge
    | SettleServer
    | ForgetHost
    | EndRecord
)


Key = tuple[Check, Kind, str]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be.

    Equal findings of two looks mean that nothing moved in between, so nothing in one may change by time alone: texts
    name moments, not durations. ``advice`` says what an operator does when ``repair`` is None or does not help.
    """

    check: Check
    kind: Kind
    #: The uuid or name of the thing.
    subject: str
    text: str
    advice: str
    cell_uuid: str | None = None
    repair: Repair | None = None

    @property
    def key(self) -> Key:
        """What makes two findings the same trouble, whatever their details are by now."""
        return (self.check, self.kind, self.subject)
