"""Who may do what with create backup."""

from __future__ import annotations

from nova.policies.base import (
    PROJECT_MEMBER_OR_ADMIN,
    rule,
)

RULES = [
    rule(
        "os_compute_api:os-create-backup",
        PROJECT_MEMBER_OR_ADMIN,
        "Make a backup image of a server and rotate the older ones.",
        "POST /servers/{server_id}/action (createBackup)",
    ),
]
