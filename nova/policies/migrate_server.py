"""Who may do what with migrate server."""

from __future__ import annotations

from nova.policies.base import (
    ADMIN,
    OLD_ADMIN,
    PROJECT_MANAGER_OR_ADMIN,
    rule,
)

RULES = [
    rule(
        "os_compute_api:os-migrate-server:migrate",
        PROJECT_MANAGER_OR_ADMIN,
        "Cold migrate a server.",
        "POST /servers/{server_id}/action (migrate)",
    ),
    rule(
        "os_compute_api:os-migrate-server:migrate:host",
        ADMIN,
        "Choose the host of a cold migration (2.56).",
        "POST /servers/{server_id}/action (migrate)",
    ),
    rule(
        "os_compute_api:os-migrate-server:migrate_live",
        PROJECT_MANAGER_OR_ADMIN,
        "Live migrate a server.",
        "POST /servers/{server_id}/action (os-migrateLive)",
    ),
    rule(
        "os_compute_api:os-migrate-server:migrate_live:host",
        ADMIN,
        "Choose the host of a live migration.",
        "POST /servers/{server_id}/action (os-migrateLive)",
        older=("os_compute_api:os-migrate-server:migrate_live", OLD_ADMIN),
    ),
]
