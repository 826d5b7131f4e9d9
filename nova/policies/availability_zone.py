"""Who may do what with availability zone."""

from __future__ import annotations

from nova.policies.base import (
    ADMIN,
    ANYONE,
    rule,
)

RULES = [
    rule(
        "os_compute_api:os-availability-zone:list",
        ANYONE,
        "List availability zones.",
        "GET /os-availability-zone",
    ),
    rule(
        "os_compute_api:os-availability-zone:detail",
        ADMIN,
        "List availability zones with their hosts and services.",
        "GET /os-availability-zone/detail",
    ),
]
