"""Who may do what with server external events."""

from __future__ import annotations

from nova.policies.base import (
    SERVICE_OR_ADMIN,
    rule,
)

RULES = [
    rule(
        "os_compute_api:os-server-external-events:create",
        SERVICE_OR_ADMIN,
        "Tell of events in other services that concern servers.",
        "POST /os-server-external-events",
    ),
]
