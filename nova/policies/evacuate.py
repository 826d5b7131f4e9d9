"""Who may do what with evacuate."""

from __future__ import annotations

from nova.policies.base import (
    ADMIN,
    rule,
)

RULES = [
    rule(
        "os_compute_api:os-evacuate",
        ADMIN,
        "Rebuild a server elsewhere after its host failed.",
        "POST /servers/{server_id}/action (evacuate)",
    ),
]
