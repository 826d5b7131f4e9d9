"""Who may do what with extensions."""

from __future__ import annotations

from nova.policies.base import (
    ANYONE,
    rule,
)

RULES = [
    rule(
        "os_compute_api:extensions",
        ANYONE,
        "List and show the former API extensions.",
        "GET /extensions",
        "GET /extensions/{alias}",
    ),
]
