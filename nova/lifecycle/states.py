"""The states of a server, what users see of them, and which actions they permit.

Source: the state facts of the Compute API. ``vm_state`` is what the server is, ``task_state`` what is being done to
it (None when idle), ``status`` what the API shows.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from groundwork.errors import Conflict
from nova.domain.server import Server


class VmState(StrEnum):
    """``OS-EXT-STS:vm_state``"""

    ACTIVE = "active"
    BUILDING = "building"
    PAUSED = "paused"
    SUSPENDED = "suspended"
    STOPPED = "stopped"
    RESCUED = "rescued"
    RESIZED = "resized"
    SOFT_DELETED = "soft-delete"
    DELETED = "deleted"
    ERROR = "error"
    SHELVED = "shelved"
    SHELVED_OFFLOADED = "shelved_offloaded"


class TaskState(StrEnum):
    """``OS-EXT-STS:task_state``, those that operations set so far."""

    SCHEDULING = "scheduling"
    BLOCK_DEVICE_MAPPING = "block_device_mapping"
    SPAWNING = "spawning"
    DELETING = "deleting"
    RESIZE_PREP = "resize_prep"
    RESIZE_MIGRATING = "resize_migrating"
    RESIZE_MIGRATED = "resize_migrated"
    RESIZE_FINISH = "resize_finish"
    RESIZE_REVERTING = "resize_reverting"
    RESIZE_CONFIRMING = "resize_confirming"


_REBUILDING = ("rebuilding", "rebuild_block_device_mapping", "rebuild_spawning")
_RESIZING = ("resize_prep", "resize_migrating", "resize_migrated", "resize_finish")
_ANY = "*"

# (vm_state, task_state) -> status; the entry with _ANY is for every other task_state.
_STATUS: dict[str, dict[str, str]] = {
    VmState.ACTIVE: {
        **dict.fromkeys(("rebooting", "reboot_pending", "reboot_started"), "REBOOT"),
        **dict.fromkeys(
            ("rebooting_hard", "reboot_pending_hard", "reboot_started_hard"), "HARD_REBOOT"
        ),
        "updating_password": "PASSWORD",
        **dict.fromkeys(_REBUILDING, "REBUILD"),
        "migrating": "MIGRATING",
        **dict.fromkeys(_RESIZING, "RESIZE"),
        _ANY: "ACTIVE",
    },
    VmState.BUILDING: {_ANY: "BUILD"},
    VmState.STOPPED: {
        **dict.fromkeys(_RESIZING, "RESIZE"),
        **dict.fromkeys(_REBUILDING, "REBUILD"),
        _ANY: "SHUTOFF",
    },
    VmState.RESIZED: {"resize_reverting": "REVERT_RESIZE", _ANY: "VERIFY_RESIZE"},
    VmState.PAUSED: {"migrating": "MIGRATING", _ANY: "PAUSED"},
    VmState.SUSPENDED: {_ANY: "SUSPENDED"},
    VmState.RESCUED: {_ANY: "RESCUE"},
    VmState.ERROR: {**dict.fromkeys(_REBUILDING, "REBUILD"), _ANY: "ERROR"},
    VmState.DELETED: {_ANY: "DELETED"},
    VmState.SOFT_DELETED: {_ANY: "SOFT_DELETED"},
    VmState.SHELVED: {_ANY: "SHELVED"},
    VmState.SHELVED_OFFLOADED: {_ANY: "SHELVED_OFFLOADED"},
}

STATUSES = frozenset(status for row in _STATUS.values() for status in row.values())


def status_of(server: Server) -> str:
    """What the API shows; a record of a deleted server always shows DELETED."""
    if server.is_deleted:
        return "DELETED"
    row = _STATUS.get(server.vm_state)
    if row is None:
        return "UNKNOWN"
    return row.get(server.task_state or _ANY, row[_ANY])


@dataclass(frozen=True, slots=True)
class StateFilter:
    """The servers that a status selects: one vm_state with some task_states (None: whatever they are)."""

    vm_state: str
    task_states: tuple[str, ...] | None


def states_of(status: str) -> tuple[StateFilter, ...]:
    """The table read backwards, for the list filter; case does not matter. Empty for an unknown status.

    A status that is a vm_state's usual one selects by vm_state alone, so ACTIVE also finds servers in REBOOT.
    """
    wanted = status.upper()
    found = []
    for vm_state, row in _STATUS.items():
        if row[_ANY] == wanted:
            found.append(StateFilter(str(vm_state), None))
            continue
        tasks = tuple(task for task, shown in row.items() if shown == wanted)
        if tasks:
            found.append(StateFilter(str(vm_state), tasks))
    return tuple(found)


def require_unlocked(server: Server, *, verb: str, is_admin: bool) -> None:
    """:raises Conflict: the server is locked and the caller is not an administrator."""
    if server.locked_by and not is_admin:
        raise Conflict(f"Instance {server.uuid} is locked", server=server.uuid, verb=verb)


def require_resting(server: Server, *, verb: str, vm_states: tuple[VmState, ...]) -> None:
    """:raises Conflict: the server is in none of these states, is busy, or has never been active."""
    if server.vm_state not in vm_states:
        raise wrong_state(server, verb, "vm_state", server.vm_state)
    if server.task_state is not None:
        raise wrong_state(server, verb, "task_state", server.task_state)
    if server.launched_at is None:
        raise wrong_state(server, verb, "launched_at", None)


def wrong_state(server: Server, verb: str, attribute: str, value: str | None) -> Conflict:
    """What the user is told about an action that the present state does not permit; ``verb`` as on the wire."""
    return Conflict(
        f"Cannot '{verb}' instance {server.uuid} while it is in {attribute} {value}",
        server=server.uuid,
    )
