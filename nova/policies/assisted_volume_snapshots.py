"""Who may do what with assisted volume snapshots."""

from __future__ import annotations

from nova.policies.base import (
    SERVICE_OR_ADMIN,
    rule,
)

RULES = [
    rule(
        "os_compute_api:os-assisted-volume-snapshots:create",
        SERVICE_OR_ADMIN,
        "Take a volume snapshot with the help of the hypervisor (asked by the volume service).",
        "POST /os-assisted-volume-snapshots",
    ),
    rule(
        "os_compute_api:os-assisted-volume-snapshots:delete",
        SERVICE_OR_ADMIN,
        "Delete a volume snapshot with the help of the hypervisor (asked by the volume service).",
        "DELETE /os-assisted-volume-snapshots/{snapshot_id}",
    ),
]
