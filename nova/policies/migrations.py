"""Who may do what with migrations."""

from __future__ import annotations

from nova.policies.base import (
    ADMIN,
    OLD_ADMIN,
    PROJECT_MANAGER_OR_ADMIN,
    rule,
)

RULES = [
    rule(
        "os_compute_api:os-migrations:index",
        PROJECT_MANAGER_OR_ADMIN,
        "List migrations of the own project.",
        "GET /os-migrations",
    ),
    rule(
        "os_compute_api:os-migrations:index:all_projects",
        ADMIN,
        "List migrations of other projects.",
        "GET /os-migrations",
        older=("os_compute_api:os-migrations:index", OLD_ADMIN),
    ),
    rule(
        "os_compute_api:os-migrations:index:host",
        ADMIN,
        "Show the hosts of migrations.",
        "GET /os-migrations",
        older=("os_compute_api:os-migrations:index", OLD_ADMIN),
    ),
]
