"""Who may do what with simple tenant usage."""

from __future__ import annotations

from nova.policies.base import (
    ADMIN,
    PROJECT_READER_OR_ADMIN,
    rule,
)

RULES = [
    rule(
        "os_compute_api:os-simple-tenant-usage:show",
        PROJECT_READER_OR_ADMIN,
        "Show the usage of a project.",
        "GET /os-simple-tenant-usage/{tenant_id}",
    ),
    rule(
        "os_compute_api:os-simple-tenant-usage:list",
        ADMIN,
        "List the usage of all projects.",
        "GET /os-simple-tenant-usage",
    ),
]
