"""Who may do what with flavors."""

from __future__ import annotations

from nova.policies.base import (
    ADMIN,
    rule,
)

RULES = [
    rule(
        "os_compute_api:os-flavor-manage:create",
        ADMIN,
        "Create a flavor.",
        "POST /flavors",
    ),
    rule(
        "os_compute_api:os-flavor-manage:update",
        ADMIN,
        "Change the description of a flavor.",
        "PUT /flavors/{flavor_id}",
    ),
    rule(
        "os_compute_api:os-flavor-manage:delete",
        ADMIN,
        "Delete a flavor.",
        "DELETE /flavors/{flavor_id}",
    ),
]
