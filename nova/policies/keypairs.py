"""Who may do what with keypairs."""

from __future__ import annotations

from nova.policies.base import (
    OWNER_USER_OR_ADMIN,
    rule,
)

RULES = [
    rule(
        "os_compute_api:os-keypairs:index",
        OWNER_USER_OR_ADMIN,
        "List the key pairs of a user.",
        "GET /os-keypairs",
    ),
    rule(
        "os_compute_api:os-keypairs:create",
        OWNER_USER_OR_ADMIN,
        "Create or import a key pair for a user.",
        "POST /os-keypairs",
    ),
    rule(
        "os_compute_api:os-keypairs:delete",
        OWNER_USER_OR_ADMIN,
        "Delete a key pair of a user.",
        "DELETE /os-keypairs/{keypair_name}",
    ),
    rule(
        "os_compute_api:os-keypairs:show",
        OWNER_USER_OR_ADMIN,
        "Show a key pair of a user.",
        "GET /os-keypairs/{keypair_name}",
    ),
]
