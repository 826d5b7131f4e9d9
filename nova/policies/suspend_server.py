"""Who may do what with suspend server."""

from __future__ import annotations

from nova.policies.base import (
    PROJECT_MEMBER_OR_ADMIN,
    rule,
)

RULES = [
    rule(
        "os_compute_api:os-suspend-server:resume",
        PROJECT_MEMBER_OR_ADMIN,
        "Resume a suspended server.",
        "POST /servers/{server_id}/action (resume)",
    ),
    rule(
        "os_compute_api:os-suspend-server:suspend",
        PROJECT_MEMBER_OR_ADMIN,
        "Suspend a server.",
        "POST /servers/{server_id}/action (suspend)",
    ),
]
