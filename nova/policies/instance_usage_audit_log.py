"""Who may do what with instance usage audit log."""

from __future__ import annotations

from nova.policies.base import (
    ADMIN,
    OLD_ADMIN,
    rule,
)

RULES = [
    rule(
        "os_compute_api:os-instance-usage-audit-log:list",
        ADMIN,
        "List the usage audits.",
        "GET /os-instance_usage_audit_log",
        older=("os_compute_api:os-instance-usage-audit-log", OLD_ADMIN),
    ),
    rule(
        "os_compute_api:os-instance-usage-audit-log:show",
        ADMIN,
        "Show the usage audits before a time.",
        "GET /os-instance_usage_audit_log/{before_timestamp}",
        older=("os_compute_api:os-instance-usage-audit-log", OLD_ADMIN),
    ),
]
