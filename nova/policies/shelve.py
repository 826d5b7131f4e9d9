"""Who may do what with shelve."""

from __future__ import annotations

from nova.policies.base import (
    ADMIN,
    PROJECT_MEMBER_OR_ADMIN,
    rule,
)

RULES = [
    rule(
        "os_compute_api:os-shelve:shelve",
        PROJECT_MEMBER_OR_ADMIN,
        "Shelve a server.",
        "POST /servers/{server_id}/action (shelve)",
    ),
    rule(
        "os_compute_api:os-shelve:unshelve",
        PROJECT_MEMBER_OR_ADMIN,
        "Unshelve a server.",
        "POST /servers/{server_id}/action (unshelve)",
    ),
    rule(
        "os_compute_api:os-shelve:unshelve_to_host",
        ADMIN,
        "Unshelve a server to a host of one's choice (2.91).",
        "POST /servers/{server_id}/action (unshelve)",
    ),
    rule(
        "os_compute_api:os-shelve:shelve_offload",
        ADMIN,
        "Take a shelved server off its host.",
        "POST /servers/{server_id}/action (shelveOffload)",
    ),
]
