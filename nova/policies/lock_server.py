"""Who may do what with lock server."""

from __future__ import annotations

from nova.policies.base import (
    ADMIN,
    PROJECT_MEMBER_OR_ADMIN,
    rule,
)

RULES = [
    rule(
        "os_compute_api:os-lock-server:lock",
        PROJECT_MEMBER_OR_ADMIN,
        "Lock a server.",
        "POST /servers/{server_id}/action (lock)",
    ),
    rule(
        "os_compute_api:os-lock-server:unlock",
        PROJECT_MEMBER_OR_ADMIN,
        "Unlock a server.",
        "POST /servers/{server_id}/action (unlock)",
    ),
    rule(
        "os_compute_api:os-lock-server:unlock:unlock_override",
        ADMIN,
        "Unlock a server that an admin locked.",
        "POST /servers/{server_id}/action (unlock)",
    ),
]
