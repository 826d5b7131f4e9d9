"""Who may do what with limits."""

from __future__ import annotations

from nova.policies.base import (
    ADMIN,
    ANYONE,
    OLD_ADMIN,
    rule,
)

RULES = [
    rule(
        "os_compute_api:limits",
        ANYONE,
        "Show rate and absolute limits of the own project.",
        "GET /limits",
    ),
    rule(
        "os_compute_api:limits:other_project",
        ADMIN,
        "Show the limits of another project.",
        "GET /limits",
        older=("os_compute_api:os-used-limits", OLD_ADMIN),
    ),
]
