"""Who may do what with rescue."""

from __future__ import annotations

from nova.policies.base import (
    OLD_ADMIN_OR_SAME_PROJECT,
    PROJECT_MEMBER_OR_ADMIN,
    rule,
)

RULES = [
    rule(
        "os_compute_api:os-rescue",
        PROJECT_MEMBER_OR_ADMIN,
        "Boot a server from a rescue image.",
        "POST /servers/{server_id}/action (rescue)",
    ),
    rule(
        "os_compute_api:os-unrescue",
        PROJECT_MEMBER_OR_ADMIN,
        "Boot a rescued server from its own disk again.",
        "POST /servers/{server_id}/action (unrescue)",
        older=("os_compute_api:os-rescue", OLD_ADMIN_OR_SAME_PROJECT),
    ),
]
