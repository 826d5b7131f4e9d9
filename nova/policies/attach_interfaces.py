"""Who may do what with attach interfaces."""

from __future__ import annotations

from nova.policies.base import (
    OLD_ADMIN_OR_SAME_PROJECT,
    PROJECT_MEMBER_OR_ADMIN,
    PROJECT_READER_OR_ADMIN,
    rule,
)

RULES = [
    rule(
        "os_compute_api:os-attach-interfaces:list",
        PROJECT_READER_OR_ADMIN,
        "List the network interfaces of a server.",
        "GET /servers/{server_id}/os-interface",
        older=("os_compute_api:os-attach-interfaces", OLD_ADMIN_OR_SAME_PROJECT),
    ),
    rule(
        "os_compute_api:os-attach-interfaces:show",
        PROJECT_READER_OR_ADMIN,
        "Show a network interface of a server.",
        "GET /servers/{server_id}/os-interface/{port_id}",
        older=("os_compute_api:os-attach-interfaces", OLD_ADMIN_OR_SAME_PROJECT),
    ),
    rule(
        "os_compute_api:os-attach-interfaces:create",
        PROJECT_MEMBER_OR_ADMIN,
        "Attach a network interface to a server.",
        "POST /servers/{server_id}/os-interface",
        older=("os_compute_api:os-attach-interfaces", OLD_ADMIN_OR_SAME_PROJECT),
    ),
    rule(
        "os_compute_api:os-attach-interfaces:delete",
        PROJECT_MEMBER_OR_ADMIN,
        "Detach a network interface from a server.",
        "DELETE /servers/{server_id}/os-interface/{port_id}",
        older=("os_compute_api:os-attach-interfaces", OLD_ADMIN_OR_SAME_PROJECT),
    ),
]
