"""Who may do what with deferred delete."""

from __future__ import annotations

from nova.policies.base import (
    OLD_ADMIN_OR_SAME_PROJECT,
    PROJECT_MEMBER_OR_ADMIN,
    rule,
)

RULES = [
    rule(
        "os_compute_api:os-deferred-delete:restore",
        PROJECT_MEMBER_OR_ADMIN,
        "Restore a soft-deleted server.",
        "POST /servers/{server_id}/action (restore)",
        older=("os_compute_api:os-deferred-delete", OLD_ADMIN_OR_SAME_PROJECT),
    ),
    rule(
        "os_compute_api:os-deferred-delete:force",
        PROJECT_MEMBER_OR_ADMIN,
        "Delete a server at once, even where deletion is deferred.",
        "POST /servers/{server_id}/action (forceDelete)",
        older=("os_compute_api:os-deferred-delete", OLD_ADMIN_OR_SAME_PROJECT),
    ),
]
