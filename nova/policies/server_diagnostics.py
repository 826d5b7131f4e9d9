"""Who may do what with server diagnostics."""

from __future__ import annotations

from nova.policies.base import (
    ADMIN,
    rule,
)

RULES = [
    rule(
        "os_compute_api:os-server-diagnostics",
        ADMIN,
        "Show diagnostics of a server.",
        "GET /servers/{server_id}/diagnostics",
    ),
]
