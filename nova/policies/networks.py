"""Who may do what with networks."""

from __future__ import annotations

from nova.policies.base import (
    OLD_ADMIN_OR_SAME_PROJECT,
    PROJECT_READER_OR_ADMIN,
    rule,
)

RULES = [
    rule(
        "os_compute_api:os-networks:list",
        PROJECT_READER_OR_ADMIN,
        "List networks through the proxy (up to 2.35).",
        "GET /os-networks",
        older=("os_compute_api:os-networks:view", OLD_ADMIN_OR_SAME_PROJECT),
    ),
    rule(
        "os_compute_api:os-networks:show",
        PROJECT_READER_OR_ADMIN,
        "Show a network through the proxy (up to 2.35).",
        "GET /os-networks/{network_id}",
        older=("os_compute_api:os-networks:view", OLD_ADMIN_OR_SAME_PROJECT),
    ),
]
