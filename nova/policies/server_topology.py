"""Who may do what with server topology."""

from __future__ import annotations

from nova.policies.base import (
    ADMIN,
    PROJECT_READER_OR_ADMIN,
    rule,
)

RULES = [
    rule(
        "compute:server:topology:index",
        PROJECT_READER_OR_ADMIN,
        "Show the NUMA topology of a server.",
        "GET /servers/{server_id}/topology",
    ),
    rule(
        "compute:server:topology:host:index",
        ADMIN,
        "Show which host cells and CPUs a server's NUMA topology uses.",
        "GET /servers/{server_id}/topology",
    ),
]
