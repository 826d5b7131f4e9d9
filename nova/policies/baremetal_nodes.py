"""Who may do what with baremetal nodes."""

from __future__ import annotations

from nova.policies.base import (
    ADMIN,
    OLD_ADMIN,
    rule,
)

RULES = [
    rule(
        "os_compute_api:os-baremetal-nodes:list",
        ADMIN,
        "List bare-metal nodes through the proxy (up to 2.35).",
        "GET /os-baremetal-nodes",
        older=("os_compute_api:os-baremetal-nodes", OLD_ADMIN),
    ),
    rule(
        "os_compute_api:os-baremetal-nodes:show",
        ADMIN,
        "Show a bare-metal node through the proxy (up to 2.35).",
        "GET /os-baremetal-nodes/{node_id}",
        older=("os_compute_api:os-baremetal-nodes", OLD_ADMIN),
    ),
]
