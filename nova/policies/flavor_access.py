"""Who may do what with flavor access."""

from __future__ import annotations

from nova.policies.base import (
    ADMIN,
    OLD_ADMIN_OR_SAME_PROJECT,
    rule,
)

RULES = [
    rule(
        "os_compute_api:os-flavor-access:add_tenant_access",
        ADMIN,
        "Give a project access to a private flavor.",
        "POST /flavors/{flavor_id}/action (addTenantAccess)",
    ),
    rule(
        "os_compute_api:os-flavor-access:remove_tenant_access",
        ADMIN,
        "Take a project's access to a private flavor away.",
        "POST /flavors/{flavor_id}/action (removeTenantAccess)",
    ),
    rule(
        "os_compute_api:os-flavor-access",
        ADMIN,
        "List the projects that have access to a private flavor.",
        "GET /flavors/{flavor_id}/os-flavor-access",
        older=("os_compute_api:os-flavor-access", OLD_ADMIN_OR_SAME_PROJECT),
    ),
]
