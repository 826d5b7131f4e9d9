"""Who may do what with console output."""

from __future__ import annotations

from nova.policies.base import (
    PROJECT_MEMBER_OR_ADMIN,
    rule,
)

RULES = [
    rule(
        "os_compute_api:os-console-output",
        PROJECT_MEMBER_OR_ADMIN,
        "Show the console log of a server.",
        "POST /servers/{server_id}/action (os-getConsoleOutput)",
    ),
]
