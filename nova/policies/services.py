"""Who may do what with services."""

from __future__ import annotations

from nova.policies.base import (
    ADMIN,
    OLD_ADMIN,
    rule,
)

RULES = [
    rule(
        "os_compute_api:os-services:list",
        ADMIN,
        "List services.",
        "GET /os-services",
        older=("os_compute_api:os-services", OLD_ADMIN),
    ),
    rule(
        "os_compute_api:os-services:update",
        ADMIN,
        "Enable, disable or force down a service.",
        "PUT /os-services/{service_id}",
        older=("os_compute_api:os-services", OLD_ADMIN),
    ),
    rule(
        "os_compute_api:os-services:delete",
        ADMIN,
        "Delete a service.",
        "DELETE /os-services/{service_id}",
        older=("os_compute_api:os-services", OLD_ADMIN),
    ),
]
