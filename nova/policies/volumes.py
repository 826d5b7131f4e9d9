"""Who may do what with volumes."""

from __future__ import annotations

from nova.policies.base import (
    OLD_ADMIN_OR_SAME_PROJECT,
    PROJECT_MEMBER_OR_ADMIN,
    PROJECT_READER_OR_ADMIN,
    rule,
)

RULES = [
    rule(
        "os_compute_api:os-volumes:list",
        PROJECT_READER_OR_ADMIN,
        "List volumes through the proxy (up to 2.35).",
        "GET /os-volumes",
        older=("os_compute_api:os-volumes", OLD_ADMIN_OR_SAME_PROJECT),
    ),
    rule(
        "os_compute_api:os-volumes:create",
        PROJECT_MEMBER_OR_ADMIN,
        "Create a volume through the proxy (up to 2.35).",
        "POST /os-volumes",
        older=("os_compute_api:os-volumes", OLD_ADMIN_OR_SAME_PROJECT),
    ),
    rule(
        "os_compute_api:os-volumes:detail",
        PROJECT_READER_OR_ADMIN,
        "List volumes with their details through the proxy (up to 2.35).",
        "GET /os-volumes/detail",
        older=("os_compute_api:os-volumes", OLD_ADMIN_OR_SAME_PROJECT),
    ),
    rule(
        "os_compute_api:os-volumes:show",
        PROJECT_READER_OR_ADMIN,
        "Show a volume through the proxy (up to 2.35).",
        "GET /os-volumes/{volume_id}",
        older=("os_compute_api:os-volumes", OLD_ADMIN_OR_SAME_PROJECT),
    ),
    rule(
        "os_compute_api:os-volumes:delete",
        PROJECT_MEMBER_OR_ADMIN,
        "Delete a volume through the proxy (up to 2.35).",
        "DELETE /os-volumes/{volume_id}",
        older=("os_compute_api:os-volumes", OLD_ADMIN_OR_SAME_PROJECT),
    ),
    rule(
        "os_compute_api:os-volumes:snapshots:list",
        PROJECT_READER_OR_ADMIN,
        "List volume snapshots through the proxy (up to 2.35).",
        "GET /os-snapshots",
        older=("os_compute_api:os-volumes", OLD_ADMIN_OR_SAME_PROJECT),
    ),
    rule(
        "os_compute_api:os-volumes:snapshots:create",
        PROJECT_MEMBER_OR_ADMIN,
        "Create a volume snapshot through the proxy (up to 2.35).",
        "POST /os-snapshots",
        older=("os_compute_api:os-volumes", OLD_ADMIN_OR_SAME_PROJECT),
    ),
    rule(
        "os_compute_api:os-volumes:snapshots:detail",
        PROJECT_READER_OR_ADMIN,
        "List volume snapshots with their details through the proxy (up to 2.35).",
        "GET /os-snapshots/detail",
        older=("os_compute_api:os-volumes", OLD_ADMIN_OR_SAME_PROJECT),
    ),
    rule(
        "os_compute_api:os-volumes:snapshots:show",
        PROJECT_READER_OR_ADMIN,
        "Show a volume snapshot through the proxy (up to 2.35).",
        "GET /os-snapshots/{snapshot_id}",
        older=("os_compute_api:os-volumes", OLD_ADMIN_OR_SAME_PROJECT),
    ),
    rule(
        "os_compute_api:os-volumes:snapshots:delete",
        PROJECT_MEMBER_OR_ADMIN,
        "Delete a volume snapshot through the proxy (up to 2.35).",
        "DELETE /os-snapshots/{snapshot_id}",
        older=("os_compute_api:os-volumes", OLD_ADMIN_OR_SAME_PROJECT),
    ),
]
