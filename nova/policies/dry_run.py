"""Who may ask what a create request would meet. No rule of other implementations: the operation is our addition."""

from __future__ import annotations

from nova.policies.base import ADMIN, rule

RULES = [
    rule(
        "os_compute_api:os-scheduler-dry-run:create",
        ADMIN,
        "Ask where servers would go, or why nowhere; the answer names hosts and cells. An addition to the Compute API.",
        "POST /os-scheduler-dry-run",
    ),
]
