"""Who may do what with quota class sets."""

from __future__ import annotations

from nova.policies.base import (
    ADMIN,
    rule,
)

RULES = [
    rule(
        "os_compute_api:os-quota-class-sets:show",
        ADMIN,
        "Show the default quotas.",
        "GET /os-quota-class-sets/{quota_class}",
    ),
    rule(
        "os_compute_api:os-quota-class-sets:update",
        ADMIN,
        "Change the default quotas.",
        "PUT /os-quota-class-sets/{quota_class}",
    ),
]
