"""Who may do what with extended server attributes."""

from __future__ import annotations

from nova.policies.base import (
    ADMIN,
    rule,
)

RULES = [
    rule(
        "os_compute_api:os-extended-server-attributes",
        ADMIN,
        "Show where a server runs and what the hypervisor calls it.",
        "GET /servers/{id}",
        "GET /servers/detail",
        "PUT /servers/{server_id}",
        "POST /servers/{server_id}/action (rebuild)",
    ),
]
