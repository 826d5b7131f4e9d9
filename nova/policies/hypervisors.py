"""Who may do what with hypervisors."""

from __future__ import annotations

from nova.policies.base import (
    ADMIN,
    OLD_ADMIN,
    rule,
)

RULES = [
    rule(
        "os_compute_api:os-hypervisors:list",
        ADMIN,
        "List hypervisors.",
        "GET /os-hypervisors",
        older=("os_compute_api:os-hypervisors", OLD_ADMIN),
    ),
    rule(
        "os_compute_api:os-hypervisors:list-detail",
        ADMIN,
        "List hypervisors with their details.",
        "GET /os-hypervisors/details",
        older=("os_compute_api:os-hypervisors", OLD_ADMIN),
    ),
    rule(
        "os_compute_api:os-hypervisors:statistics",
        ADMIN,
        "Show sums over all hypervisors (up to 2.87).",
        "GET /os-hypervisors/statistics",
        older=("os_compute_api:os-hypervisors", OLD_ADMIN),
    ),
    rule(
        "os_compute_api:os-hypervisors:show",
        ADMIN,
        "Show a hypervisor.",
        "GET /os-hypervisors/{hypervisor_id}",
        older=("os_compute_api:os-hypervisors", OLD_ADMIN),
    ),
    rule(
        "os_compute_api:os-hypervisors:uptime",
        ADMIN,
        "Show how long a hypervisor has been up (up to 2.87).",
        "GET /os-hypervisors/{hypervisor_id}/uptime",
        older=("os_compute_api:os-hypervisors", OLD_ADMIN),
    ),
    rule(
        "os_compute_api:os-hypervisors:search",
        ADMIN,
        "Search hypervisors by host name (up to 2.52).",
        "GET /os-hypervisors/{hypervisor_hostname_pattern}/search",
        older=("os_compute_api:os-hypervisors", OLD_ADMIN),
    ),
    rule(
        "os_compute_api:os-hypervisors:servers",
        ADMIN,
        "List the servers on hypervisors (up to 2.52).",
        "GET /os-hypervisors/{hypervisor_hostname_pattern}/servers",
        older=("os_compute_api:os-hypervisors", OLD_ADMIN),
    ),
]
