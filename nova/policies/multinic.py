"""Who may do what with multinic."""

from __future__ import annotations

from nova.policies.base import (
    OLD_ADMIN_OR_SAME_PROJECT,
    PROJECT_MEMBER_OR_ADMIN,
    rule,
)

RULES = [
    rule(
        "os_compute_api:os-multinic:add",
        PROJECT_MEMBER_OR_ADMIN,
        "Add a fixed IP to a server (up to 2.43).",
        "POST /servers/{server_id}/action (addFixedIp)",
        older=("os_compute_api:os-multinic", OLD_ADMIN_OR_SAME_PROJECT),
    ),
    rule(
        "os_compute_api:os-multinic:remove",
        PROJECT_MEMBER_OR_ADMIN,
        "Remove a fixed IP from a server (up to 2.43).",
        "POST /servers/{server_id}/action (removeFixedIp)",
        older=("os_compute_api:os-multinic", OLD_ADMIN_OR_SAME_PROJECT),
    ),
]
