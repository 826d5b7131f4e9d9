"""Who may do what with server metadata."""

from __future__ import annotations

from nova.policies.base import (
    PROJECT_MEMBER_OR_ADMIN,
    PROJECT_READER_OR_ADMIN,
    rule,
)

RULES = [
    rule(
        "os_compute_api:server-metadata:index",
        PROJECT_READER_OR_ADMIN,
        "List the metadata of a server.",
        "GET /servers/{server_id}/metadata",
    ),
    rule(
        "os_compute_api:server-metadata:show",
        PROJECT_READER_OR_ADMIN,
        "Show a metadata item of a server.",
        "GET /servers/{server_id}/metadata/{key}",
    ),
    rule(
        "os_compute_api:server-metadata:create",
        PROJECT_MEMBER_OR_ADMIN,
        "Add metadata to a server.",
        "POST /servers/{server_id}/metadata",
    ),
    rule(
        "os_compute_api:server-metadata:update_all",
        PROJECT_MEMBER_OR_ADMIN,
        "Replace the metadata of a server.",
        "PUT /servers/{server_id}/metadata",
    ),
    rule(
        "os_compute_api:server-metadata:update",
        PROJECT_MEMBER_OR_ADMIN,
        "Set a metadata item of a server.",
        "PUT /servers/{server_id}/metadata/{key}",
    ),
    rule(
        "os_compute_api:server-metadata:delete",
        PROJECT_MEMBER_OR_ADMIN,
        "Delete a metadata item of a server.",
        "DELETE /servers/{server_id}/metadata/{key}",
    ),
]
