"""Who may do what with tenant networks."""

from __future__ import annotations

from nova.policies.base import (
    OLD_ADMIN_OR_SAME_PROJECT,
    PROJECT_READER_OR_ADMIN,
    rule,
)

RULES = [
    rule(
        "os_compute_api:os-tenant-networks:list",
        PROJECT_READER_OR_ADMIN,
        "List the project's networks through the proxy (up to 2.35).",
        "GET /os-tenant-networks",
        older=("os_compute_api:os-tenant-networks", OLD_ADMIN_OR_SAME_PROJECT),
    ),
    rule(
        "os_compute_api:os-tenant-networks:show",
        PROJECT_READER_OR_ADMIN,
        "Show a network of the project through the proxy (up to 2.35).",
        "GET /os-tenant-networks/{network_id}",
        older=("os_compute_api:os-tenant-networks", OLD_ADMIN_OR_SAME_PROJECT),
    ),
]
