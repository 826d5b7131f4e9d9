"""Who may do what with admin password."""

from __future__ import annotations

from nova.policies.base import (
    PROJECT_MEMBER_OR_ADMIN,
    rule,
)

RULES = [
    rule(
        "os_compute_api:os-admin-password",
        PROJECT_MEMBER_OR_ADMIN,
        "Change the administrator password inside a server.",
        "POST /servers/{server_id}/action (changePassword)",
    ),
]
