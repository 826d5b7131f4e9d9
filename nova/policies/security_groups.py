"""Who may do what with security groups."""

from __future__ import annotations

from nova.policies.base import (
    OLD_ADMIN_OR_SAME_PROJECT,
    PROJECT_MEMBER_OR_ADMIN,
    PROJECT_READER_OR_ADMIN,
    rule,
)

RULES = [
    rule(
        "os_compute_api:os-security-groups:get",
        PROJECT_READER_OR_ADMIN,
        "List security groups through the proxy (up to 2.35).",
        "GET /os-security-groups",
        older=("os_compute_api:os-security-groups", OLD_ADMIN_OR_SAME_PROJECT),
    ),
    rule(
        "os_compute_api:os-security-groups:show",
        PROJECT_READER_OR_ADMIN,
        "Show a security group through the proxy (up to 2.35).",
        "GET /os-security-groups/{security_group_id}",
        older=("os_compute_api:os-security-groups", OLD_ADMIN_OR_SAME_PROJECT),
    ),
    rule(
        "os_compute_api:os-security-groups:create",
        PROJECT_MEMBER_OR_ADMIN,
        "Create a security group through the proxy (up to 2.35).",
        "POST /os-security-groups",
        older=("os_compute_api:os-security-groups", OLD_ADMIN_OR_SAME_PROJECT),
    ),
    rule(
        "os_compute_api:os-security-groups:update",
        PROJECT_MEMBER_OR_ADMIN,
        "Change a security group through the proxy (up to 2.35).",
        "PUT /os-security-groups/{security_group_id}",
        older=("os_compute_api:os-security-groups", OLD_ADMIN_OR_SAME_PROJECT),
    ),
    rule(
        "os_compute_api:os-security-groups:delete",
        PROJECT_MEMBER_OR_ADMIN,
        "Delete a security group through the proxy (up to 2.35).",
        "DELETE /os-security-groups/{security_group_id}",
        older=("os_compute_api:os-security-groups", OLD_ADMIN_OR_SAME_PROJECT),
    ),
    rule(
        "os_compute_api:os-security-groups:rule:create",
        PROJECT_MEMBER_OR_ADMIN,
        "Create a security group rule through the proxy (up to 2.35).",
        "POST /os-security-group-rules",
        older=("os_compute_api:os-security-groups", OLD_ADMIN_OR_SAME_PROJECT),
    ),
    rule(
        "os_compute_api:os-security-groups:rule:delete",
        PROJECT_MEMBER_OR_ADMIN,
        "Delete a security group rule through the proxy (up to 2.35).",
        "DELETE /os-security-group-rules/{security_group_id}",
        older=("os_compute_api:os-security-groups", OLD_ADMIN_OR_SAME_PROJECT),
    ),
    rule(
        "os_compute_api:os-security-groups:list",
        PROJECT_READER_OR_ADMIN,
        "List the security groups of a server.",
        "GET /servers/{server_id}/os-security-groups",
        older=("os_compute_api:os-security-groups", OLD_ADMIN_OR_SAME_PROJECT),
    ),
    rule(
        "os_compute_api:os-security-groups:add",
        PROJECT_MEMBER_OR_ADMIN,
        "Add a security group to a server.",
        "POST /servers/{server_id}/action (addSecurityGroup)",
        older=("os_compute_api:os-security-groups", OLD_ADMIN_OR_SAME_PROJECT),
    ),
    rule(
        "os_compute_api:os-security-groups:remove",
        PROJECT_MEMBER_OR_ADMIN,
        "Remove a security group from a server.",
        "POST /servers/{server_id}/action (removeSecurityGroup)",
        older=("os_compute_api:os-security-groups", OLD_ADMIN_OR_SAME_PROJECT),
    ),
]
