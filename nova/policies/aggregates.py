"""Who may do what with aggregates."""

from __future__ import annotations

from nova.policies.base import (
    ADMIN,
    rule,
)

RULES = [
    rule(
        "os_compute_api:os-aggregates:set_metadata",
        ADMIN,
        "Set or remove metadata of an aggregate.",
        "POST /os-aggregates/{aggregate_id}/action (set_metadata)",
    ),
    rule(
        "os_compute_api:os-aggregates:add_host",
        ADMIN,
        "Add a host to an aggregate.",
        "POST /os-aggregates/{aggregate_id}/action (add_host)",
    ),
    rule(
        "os_compute_api:os-aggregates:create",
        ADMIN,
        "Create an aggregate.",
        "POST /os-aggregates",
    ),
    rule(
        "os_compute_api:os-aggregates:remove_host",
        ADMIN,
        "Remove a host from an aggregate.",
        "POST /os-aggregates/{aggregate_id}/action (remove_host)",
    ),
    rule(
        "os_compute_api:os-aggregates:update",
        ADMIN,
        "Change the name or availability zone of an aggregate.",
        "PUT /os-aggregates/{aggregate_id}",
    ),
    rule(
        "os_compute_api:os-aggregates:index",
        ADMIN,
        "List aggregates.",
        "GET /os-aggregates",
    ),
    rule(
        "os_compute_api:os-aggregates:delete",
        ADMIN,
        "Delete an aggregate.",
        "DELETE /os-aggregates/{aggregate_id}",
    ),
    rule(
        "os_compute_api:os-aggregates:show",
        ADMIN,
        "Show an aggregate.",
        "GET /os-aggregates/{aggregate_id}",
    ),
    rule(
        "compute:aggregates:images",
        ADMIN,
        "Have images cached on the hosts of an aggregate.",
        "POST /os-aggregates/{aggregate_id}/images",
    ),
]
