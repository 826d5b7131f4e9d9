"""Who may do what with floating ip pools."""

from __future__ import annotations

from nova.policies.base import (
    ANYONE,
    rule,
)

RULES = [
    rule(
        "os_compute_api:os-floating-ip-pools",
        ANYONE,
        "List floating IP pools through the proxy (up to 2.35).",
        "GET /os-floating-ip-pools",
    ),
]
