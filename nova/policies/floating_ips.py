"""Who may do what with floating ips."""

from __future__ import annotations

from nova.policies.base import (
    OLD_ADMIN_OR_SAME_PROJECT,
    PROJECT_MEMBER_OR_ADMIN,
    PROJECT_READER_OR_ADMIN,
    rule,
)

RULES = [
    rule(
        "os_compute_api:os-floating-ips:add",
        PROJECT_MEMBER_OR_ADMIN,
        "Associate a floating IP with a server (up to 2.43).",
        "POST /servers/{server_id}/action (addFloatingIp)",
        older=("os_compute_api:os-floating-ips", OLD_ADMIN_OR_SAME_PROJECT),
    ),
    rule(
        "os_compute_api:os-floating-ips:remove",
        PROJECT_MEMBER_OR_ADMIN,
        "Take a floating IP from a server (up to 2.43).",
        "POST /servers/{server_id}/action (removeFloatingIp)",
        older=("os_compute_api:os-floating-ips", OLD_ADMIN_OR_SAME_PROJECT),
    ),
    rule(
        "os_compute_api:os-floating-ips:list",
        PROJECT_READER_OR_ADMIN,
        "List floating IPs through the proxy (up to 2.35).",
        "GET /os-floating-ips",
        older=("os_compute_api:os-floating-ips", OLD_ADMIN_OR_SAME_PROJECT),
    ),
    rule(
        "os_compute_api:os-floating-ips:create",
        PROJECT_MEMBER_OR_ADMIN,
        "Create a floating IP through the proxy (up to 2.35).",
        "POST /os-floating-ips",
        older=("os_compute_api:os-floating-ips", OLD_ADMIN_OR_SAME_PROJECT),
    ),
    rule(
        "os_compute_api:os-floating-ips:show",
        PROJECT_READER_OR_ADMIN,
        "Show a floating IP through the proxy (up to 2.35).",
        "GET /os-floating-ips/{floating_ip_id}",
        older=("os_compute_api:os-floating-ips", OLD_ADMIN_OR_SAME_PROJECT),
    ),
    rule(
        "os_compute_api:os-floating-ips:delete",
        PROJECT_MEMBER_OR_ADMIN,
        "Delete a floating IP through the proxy (up to 2.35).",
        "DELETE /os-floating-ips/{floating_ip_id}",
        older=("os_compute_api:os-floating-ips", OLD_ADMIN_OR_SAME_PROJECT),
    ),
]
