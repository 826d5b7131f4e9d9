"""Who may do what with admin actions."""

from __future__ import annotations

from nova.policies.base import (
    ADMIN,
    rule,
)

RULES = [
    rule(
        "os_compute_api:os-admin-actions:reset_state",
        ADMIN,
        "Set the state of a server to active or error without touching the guest.",
        "POST /servers/{server_id}/action (os-resetState)",
    ),
    rule(
        "os_compute_api:os-admin-actions:inject_network_info",
        ADMIN,
        "Write the network data into a server again.",
        "POST /servers/{server_id}/action (injectNetworkInfo)",
    ),
]
