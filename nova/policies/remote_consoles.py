"""Who may do what with remote consoles."""

from __future__ import annotations

from nova.policies.base import (
    PROJECT_MEMBER_OR_ADMIN,
    rule,
)

RULES = [
    rule(
        "os_compute_api:os-remote-consoles",
        PROJECT_MEMBER_OR_ADMIN,
        "Get access to the graphical or serial console of a server.",
        "POST /servers/{server_id}/action (os-getSerialConsole)",
        "POST /servers/{server_id}/action (os-getSPICEConsole)",
        "POST /servers/{server_id}/action (os-getVNCConsole)",
        "POST /servers/{server_id}/remote-consoles",
    ),
]
