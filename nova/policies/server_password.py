"""Who may do what with server password."""

from __future__ import annotations

from nova.policies.base import (
    OLD_ADMIN_OR_SAME_PROJECT,
    PROJECT_MEMBER_OR_ADMIN,
    PROJECT_READER_OR_ADMIN,
    rule,
)

RULES = [
    rule(
        "os_compute_api:os-server-password:show",
        PROJECT_READER_OR_ADMIN,
        "Show the encrypted administrator password of a server.",
        "GET /servers/{server_id}/os-server-password",
        older=("os_compute_api:os-server-password", OLD_ADMIN_OR_SAME_PROJECT),
    ),
    rule(
        "os_compute_api:os-server-password:clear",
        PROJECT_MEMBER_OR_ADMIN,
        "Clear the encrypted administrator password of a server.",
        "DELETE /servers/{server_id}/os-server-password",
        older=("os_compute_api:os-server-password", OLD_ADMIN_OR_SAME_PROJECT),
    ),
]
