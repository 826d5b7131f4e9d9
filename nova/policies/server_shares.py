"""Who may do what with server shares."""

from __future__ import annotations

from nova.policies.base import (
    PROJECT_MEMBER_OR_ADMIN,
    PROJECT_READER_OR_ADMIN,
    rule,
)

RULES = [
    rule(
        "os_compute_api:os-server-shares:index",
        PROJECT_READER_OR_ADMIN,
        "List the shares of a server.",
        "GET /servers/{server_id}/shares",
    ),
    rule(
        "os_compute_api:os-server-shares:create",
        PROJECT_MEMBER_OR_ADMIN,
        "Attach a share to a server.",
        "POST /servers/{server_id}/shares",
    ),
    rule(
        "os_compute_api:os-server-shares:show",
        PROJECT_READER_OR_ADMIN,
        "Show a share of a server.",
        "GET /servers/{server_id}/shares/{share_id}",
    ),
    rule(
        "os_compute_api:os-server-shares:delete",
        PROJECT_MEMBER_OR_ADMIN,
        "Detach a share from a server.",
        "DELETE /servers/{server_id}/shares/{share_id}",
    ),
]
