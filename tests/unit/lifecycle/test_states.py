"""What users see of vm_state and task_state, and the same table read backwards for the list filter."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from groundwork.errors import Conflict
from nova.domain.flavor import Flavor
from nova.domain.server import Server
from nova.lifecycle.states import STATUSES, VmState, require_unlocked, states_of, status_of

REBUILDING = ("rebuilding", "rebuild_block_device_mapping", "rebuild_spawning")
RESIZING = ("resize_prep", "resize_migrating", "resize_migrated", "resize_finish")

#: The documented table: vm_state, task_states (None: any other), status. The first matching row counts.
TABLE: list[tuple[str, tuple[str, ...] | None, str]] = [
    ("active", ("rebooting", "reboot_pending", "reboot_started"), "REBOOT"),
    ("active", ("rebooting_hard", "reboot_pending_hard", "reboot_started_hard"), "HARD_REBOOT"),
    ("active", ("updating_password",), "PASSWORD"),
    ("active", REBUILDING, "REBUILD"),
    ("active", ("migrating",), "MIGRATING"),
    ("active", RESIZING, "RESIZE"),
    ("active", None, "ACTIVE"),
    ("building", None, "BUILD"),
    ("stopped", RESIZING, "RESIZE"),
    ("stopped", REBUILDING, "REBUILD"),
    ("stopped", None, "SHUTOFF"),
    ("resized", ("resize_reverting",), "REVERT_RESIZE"),
    ("resized", None, "VERIFY_RESIZE"),
    ("paused", ("migrating",), "MIGRATING"),
    ("paused", None, "PAUSED"),
    ("suspended", None, "SUSPENDED"),
    ("rescued", None, "RESCUE"),
    ("error", REBUILDING, "REBUILD"),
    ("error", None, "ERROR"),
    ("deleted", None, "DELETED"),
    ("soft-delete", None, "SOFT_DELETED"),
    ("shelved", None, "SHELVED"),
    ("shelved_offloaded", None, "SHELVED_OFFLOADED"),
]

#: Every documented task_state, None included.
TASKS = [
    None,
    *(
        "scheduling block_device_mapping networking spawning image_snapshot image_snapshot_pending "
        "image_pending_upload image_uploading image_backup updating_password resize_prep resize_migrating "
        "resize_migrated resize_finish resize_reverting resize_confirming rebooting reboot_pending "
        "reboot_started rebooting_hard reboot_pending_hard reboot_started_hard pausing unpausing suspending "
        "resuming powering-off powering-on rescuing unrescuing rebuilding rebuild_block_device_mapping "
        "rebuild_spawning migrating deleting soft-deleting restoring shelving "
        "shelving_image_pending_upload shelving_image_uploading shelving_offloading unshelving"
    ).split(),
]

PAIRS = [(vm_state.value, task) for vm_state in VmState for task in TASKS]


def server(**fields: Any) -> Server:
    return Server(
        **{
            "uuid": "u",
            "project_id": "p",
            "user_id": "u",
            "display_name": "n",
            "flavor": Flavor(flavorid="1", name="1", vcpus=1, memory_mb=1, root_gb=1),
            "vm_state": "active",
            "created_at": datetime(2026, 3, 1, tzinfo=UTC),
            **fields,
        }
    )


def documented(vm_state: str, task_state: str | None) -> str:
    for row_vm_state, tasks, status in TABLE:
        if row_vm_state == vm_state and (tasks is None or task_state in tasks):
            return status
    return "UNKNOWN"


@pytest.mark.parametrize("vm_state", [*VmState, "lost"])
def test_status_of_every_pair_is_the_documented_one(vm_state: str) -> None:
    for task_state in TASKS:
        shown = status_of(server(vm_state=vm_state, task_state=task_state))
        assert shown == documented(vm_state, task_state), task_state


def test_record_of_a_deleted_server_always_shows_deleted() -> None:
    for vm_state, task_state in PAIRS:
        assert status_of(server(vm_state=vm_state, task_state=task_state, deleted=7)) == "DELETED"


def usual(vm_state: str) -> str:
    return documented(vm_state, None)


@pytest.mark.parametrize("status", sorted({status for _, _, status in TABLE}))
def test_filter_reads_the_table_backwards(status: str) -> None:
    """A status of the "any other" kind selects by vm_state alone; any other selects exactly what shows it."""
    selected = {
        (vm_state, task)
        for vm_state, task in PAIRS
        for found in states_of(status)
        if found.vm_state == vm_state and (found.task_states is None or task in found.task_states)
    }
    expected = {
        (vm_state, task)
        for vm_state, task in PAIRS
        if usual(vm_state) == status or documented(vm_state, task) == status
    }
    assert selected == expected
    assert states_of(status.lower()) == states_of(status)


def test_active_also_finds_servers_in_reboot() -> None:
    [found] = states_of("ACTIVE")
    assert (found.vm_state, found.task_states) == ("active", None)


def test_unknown_status_selects_nothing() -> None:
    assert states_of("UNKNOWN") == ()
    assert states_of("") == ()


def test_statuses_are_those_of_the_table() -> None:
    assert {status for _, _, status in TABLE} == STATUSES


def test_lock_stops_users_and_not_administrators() -> None:
    for locked_by in ("owner", "admin"):
        locked = server(locked_by=locked_by)
        with pytest.raises(Conflict, match="is locked"):
            require_unlocked(locked, verb="delete", is_admin=False)
        require_unlocked(locked, verb="delete", is_admin=True)
    require_unlocked(server(), verb="delete", is_admin=False)
