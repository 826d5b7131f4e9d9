"""Who may do what with console auth tokens."""

from __future__ import annotations

from nova.policies.base import (
    ADMIN,
    rule,
)

RULES = [
    rule(
        "os_compute_api:os-console-auth-tokens",
        ADMIN,
        "Show where the console behind a console token is.",
        "GET /os-console-auth-tokens/{console_token}",
    ),
]
