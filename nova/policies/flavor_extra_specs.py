"""Who may do what with flavor extra specs."""

from __future__ import annotations

from nova.policies.base import (
    ADMIN,
    PROJECT_READER_OR_ADMIN,
    rule,
)

RULES = [
    rule(
        "os_compute_api:os-flavor-extra-specs:show",
        PROJECT_READER_OR_ADMIN,
        "Show an extra spec of a flavor.",
        "GET /flavors/{flavor_id}/os-extra_specs/{flavor_extra_spec_key}",
    ),
    rule(
        "os_compute_api:os-flavor-extra-specs:create",
        ADMIN,
        "Add extra specs to a flavor.",
        "POST /flavors/{flavor_id}/os-extra_specs/",
    ),
    rule(
        "os_compute_api:os-flavor-extra-specs:update",
        ADMIN,
        "Change an extra spec of a flavor.",
        "PUT /flavors/{flavor_id}/os-extra_specs/{flavor_extra_spec_key}",
    ),
    rule(
        "os_compute_api:os-flavor-extra-specs:delete",
        ADMIN,
        "Delete an extra spec of a flavor.",
        "DELETE /flavors/{flavor_id}/os-extra_specs/{flavor_extra_spec_key}",
    ),
    rule(
        "os_compute_api:os-flavor-extra-specs:index",
        PROJECT_READER_OR_ADMIN,
        "List the extra specs of a flavor; since 2.61 also show them inside flavors.",
        "GET /flavors/{flavor_id}/os-extra_specs/",
        "POST /flavors",
        "GET /flavors/detail",
        "GET /flavors/{flavor_id}",
        "PUT /flavors/{flavor_id}",
    ),
]
