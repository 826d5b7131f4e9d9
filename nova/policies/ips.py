"""Who may do what with ips."""

from __future__ import annotations

from nova.policies.base import (
    PROJECT_READER_OR_ADMIN,
    rule,
)

RULES = [
    rule(
        "os_compute_api:ips:show",
        PROJECT_READER_OR_ADMIN,
        "Show the addresses of a server on one network.",
        "GET /servers/{server_id}/ips/{network_label}",
    ),
    rule(
        "os_compute_api:ips:index",
        PROJECT_READER_OR_ADMIN,
        "Show the addresses of a server.",
        "GET /servers/{server_id}/ips",
    ),
]
