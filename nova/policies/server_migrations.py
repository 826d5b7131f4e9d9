"""Who may do what with server migrations."""

from __future__ import annotations

from nova.policies.base import (
    ADMIN,
    OLD_ADMIN,
    PROJECT_MANAGER_OR_ADMIN,
    rule,
)

RULES = [
    rule(
        "os_compute_api:servers:migrations:show",
        ADMIN,
        "Show a live migration in progress.",
        "GET /servers/{server_id}/migrations/{migration_id}",
    ),
    rule(
        "os_compute_api:servers:migrations:force_complete",
        PROJECT_MANAGER_OR_ADMIN,
        "Make a live migration in progress finish.",
        "POST /servers/{server_id}/migrations/{migration_id}/action (force_complete)",
    ),
    rule(
        "os_compute_api:servers:migrations:delete",
        PROJECT_MANAGER_OR_ADMIN,
        "Abort a live migration in progress.",
        "DELETE /servers/{server_id}/migrations/{migration_id}",
    ),
    rule(
        "os_compute_api:servers:migrations:index",
        PROJECT_MANAGER_OR_ADMIN,
        "List the live migrations in progress of a server.",
        "GET /servers/{server_id}/migrations",
    ),
    rule(
        "os_compute_api:servers:migrations:index:host",
        ADMIN,
        "Show the hosts of live migrations in progress.",
        "GET /servers/{server_id}/migrations",
        older=("os_compute_api:servers:migrations:index", OLD_ADMIN),
    ),
]
