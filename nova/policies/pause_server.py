"""Who may do what with pause server."""

from __future__ import annotations

from nova.policies.base import (
    PROJECT_MEMBER_OR_ADMIN,
    rule,
)

RULES = [
    rule(
        "os_compute_api:os-pause-server:pause",
        PROJECT_MEMBER_OR_ADMIN,
        "Pause a server.",
        "POST /servers/{server_id}/action (pause)",
    ),
    rule(
        "os_compute_api:os-pause-server:unpause",
        PROJECT_MEMBER_OR_ADMIN,
        "Unpause a server.",
        "POST /servers/{server_id}/action (unpause)",
    ),
]
