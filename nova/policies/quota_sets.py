"""Who may do what with quota sets."""

from __future__ import annotations

from nova.policies.base import (
    ADMIN,
    ANYONE,
    PROJECT_READER_OR_ADMIN,
    rule,
)

RULES = [
    rule(
        "os_compute_api:os-quota-sets:update",
        ADMIN,
        "Change the quotas of a project or user.",
        "PUT /os-quota-sets/{tenant_id}",
    ),
    rule(
        "os_compute_api:os-quota-sets:defaults",
        ANYONE,
        "Show the default quotas of a project.",
        "GET /os-quota-sets/{tenant_id}/defaults",
    ),
    rule(
        "os_compute_api:os-quota-sets:show",
        PROJECT_READER_OR_ADMIN,
        "Show the quotas of a project or user.",
        "GET /os-quota-sets/{tenant_id}",
    ),
    rule(
        "os_compute_api:os-quota-sets:delete",
        ADMIN,
        "Set the quotas of a project or user back to the defaults.",
        "DELETE /os-quota-sets/{tenant_id}",
    ),
    rule(
        "os_compute_api:os-quota-sets:detail",
        PROJECT_READER_OR_ADMIN,
        "Show quotas along with what is used.",
        "GET /os-quota-sets/{tenant_id}/detail",
    ),
]
