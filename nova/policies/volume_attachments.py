"""Who may do what with volume attachments."""

from __future__ import annotations

from nova.policies.base import (
    PROJECT_MEMBER_OR_ADMIN,
    PROJECT_READER_OR_ADMIN,
    SERVICE_OR_ADMIN,
    rule,
)

RULES = [
    rule(
        "os_compute_api:os-volumes-attachments:index",
        PROJECT_READER_OR_ADMIN,
        "List the volumes attached to a server.",
        "GET /servers/{server_id}/os-volume_attachments",
    ),
    rule(
        "os_compute_api:os-volumes-attachments:create",
        PROJECT_MEMBER_OR_ADMIN,
        "Attach a volume to a server.",
        "POST /servers/{server_id}/os-volume_attachments",
    ),
    rule(
        "os_compute_api:os-volumes-attachments:show",
        PROJECT_READER_OR_ADMIN,
        "Show a volume attached to a server.",
        "GET /servers/{server_id}/os-volume_attachments/{volume_id}",
    ),
    rule(
        "os_compute_api:os-volumes-attachments:update",
        PROJECT_MEMBER_OR_ADMIN,
        "Change what happens to an attached volume when its server is deleted (2.85).",
        "PUT /servers/{server_id}/os-volume_attachments/{volume_id}",
    ),
    rule(
        "os_compute_api:os-volumes-attachments:swap",
        SERVICE_OR_ADMIN,
        "Swap an attached volume for another one (asked by the volume service).",
        "PUT /servers/{server_id}/os-volume_attachments/{volume_id}",
    ),
    rule(
        "os_compute_api:os-volumes-attachments:delete",
        PROJECT_MEMBER_OR_ADMIN,
        "Detach a volume from a server.",
        "DELETE /servers/{server_id}/os-volume_attachments/{volume_id}",
    ),
]
