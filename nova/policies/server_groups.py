"""Who may do what with server groups."""

from __future__ import annotations

from nova.policies.base import (
    ADMIN,
    PROJECT_MEMBER_OR_ADMIN,
    PROJECT_READER_OR_ADMIN,
    rule,
)

RULES = [
    rule(
        "os_compute_api:os-server-groups:create",
        PROJECT_MEMBER_OR_ADMIN,
        "Create a server group.",
        "POST /os-server-groups",
    ),
    rule(
        "os_compute_api:os-server-groups:delete",
        PROJECT_MEMBER_OR_ADMIN,
        "Delete a server group.",
        "DELETE /os-server-groups/{server_group_id}",
    ),
    rule(
        "os_compute_api:os-server-groups:index",
        PROJECT_READER_OR_ADMIN,
        "List the server groups of the own project.",
        "GET /os-server-groups",
    ),
    rule(
        "os_compute_api:os-server-groups:index:all_projects",
        ADMIN,
        "List the server groups of all projects; others that ask get their own.",
        "GET /os-server-groups",
    ),
    rule(
        "os_compute_api:os-server-groups:show",
        PROJECT_READER_OR_ADMIN,
        "Show a server group.",
        "GET /os-server-groups/{server_group_id}",
    ),
]
