"""Who may do what with server tags."""

from __future__ import annotations

from nova.policies.base import (
    PROJECT_MEMBER_OR_ADMIN,
    PROJECT_READER_OR_ADMIN,
    rule,
)

RULES = [
    rule(
        "os_compute_api:os-server-tags:delete_all",
        PROJECT_MEMBER_OR_ADMIN,
        "Delete the tags of a server.",
        "DELETE /servers/{server_id}/tags",
    ),
    rule(
        "os_compute_api:os-server-tags:index",
        PROJECT_READER_OR_ADMIN,
        "List the tags of a server.",
        "GET /servers/{server_id}/tags",
    ),
    rule(
        "os_compute_api:os-server-tags:update_all",
        PROJECT_MEMBER_OR_ADMIN,
        "Replace the tags of a server.",
        "PUT /servers/{server_id}/tags",
    ),
    rule(
        "os_compute_api:os-server-tags:delete",
        PROJECT_MEMBER_OR_ADMIN,
        "Delete a tag of a server.",
        "DELETE /servers/{server_id}/tags/{tag}",
    ),
    rule(
        "os_compute_api:os-server-tags:update",
        PROJECT_MEMBER_OR_ADMIN,
        "Add a tag to a server.",
        "PUT /servers/{server_id}/tags/{tag}",
    ),
    rule(
        "os_compute_api:os-server-tags:show",
        PROJECT_READER_OR_ADMIN,
        "Tell whether a server has a tag.",
        "GET /servers/{server_id}/tags/{tag}",
    ),
]
