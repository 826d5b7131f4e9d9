"""Who may do what with hosts."""

from __future__ import annotations

from nova.policies.base import (
    ADMIN,
    OLD_ADMIN,
    rule,
)

RULES = [
    rule(
        "os_compute_api:os-hosts:list",
        ADMIN,
        "List hosts (up to 2.42).",
        "GET /os-hosts",
        older=("os_compute_api:os-hosts", OLD_ADMIN),
    ),
    rule(
        "os_compute_api:os-hosts:show",
        ADMIN,
        "Show the use of a host (up to 2.42).",
        "GET /os-hosts/{host_name}",
        older=("os_compute_api:os-hosts", OLD_ADMIN),
    ),
    rule(
        "os_compute_api:os-hosts:update",
        ADMIN,
        "Enable, disable or set a host to maintenance (up to 2.42).",
        "PUT /os-hosts/{host_name}",
        older=("os_compute_api:os-hosts", OLD_ADMIN),
    ),
    rule(
        "os_compute_api:os-hosts:reboot",
        ADMIN,
        "Reboot a host (up to 2.42).",
        "GET /os-hosts/{host_name}/reboot",
        older=("os_compute_api:os-hosts", OLD_ADMIN),
    ),
    rule(
        "os_compute_api:os-hosts:shutdown",
        ADMIN,
        "Shut a host down (up to 2.42).",
        "GET /os-hosts/{host_name}/shutdown",
        older=("os_compute_api:os-hosts", OLD_ADMIN),
    ),
    rule(
        "os_compute_api:os-hosts:start",
        ADMIN,
        "Start a host (up to 2.42).",
        "GET /os-hosts/{host_name}/startup",
        older=("os_compute_api:os-hosts", OLD_ADMIN),
    ),
]
