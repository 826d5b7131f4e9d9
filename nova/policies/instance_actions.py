"""Who may do what with instance actions."""

from __future__ import annotations

from nova.policies.base import (
    ADMIN,
    OLD_ADMIN_OR_SAME_PROJECT,
    PROJECT_READER_OR_ADMIN,
    rule,
)

RULES = [
    rule(
        "os_compute_api:os-instance-actions:events:details",
        ADMIN,
        "Show the details of action events (2.84).",
        "GET /servers/{server_id}/os-instance-actions/{request_id}",
    ),
    rule(
        "os_compute_api:os-instance-actions:events",
        ADMIN,
        "Show the tracebacks of action events and, since 2.62, their hosts.",
        "GET /servers/{server_id}/os-instance-actions/{request_id}",
    ),
    rule(
        "os_compute_api:os-instance-actions:list",
        PROJECT_READER_OR_ADMIN,
        "List the actions on a server.",
        "GET /servers/{server_id}/os-instance-actions",
        older=("os_compute_api:os-instance-actions", OLD_ADMIN_OR_SAME_PROJECT),
    ),
    rule(
        "os_compute_api:os-instance-actions:show",
        PROJECT_READER_OR_ADMIN,
        "Show an action on a server.",
        "GET /servers/{server_id}/os-instance-actions/{request_id}",
        older=("os_compute_api:os-instance-actions", OLD_ADMIN_OR_SAME_PROJECT),
    ),
]
