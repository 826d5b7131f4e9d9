"""The building blocks, and how the other modules declare their rules."""

from __future__ import annotations

from oslo_policy import policy

ADMIN = "rule:admin_api"
SERVICE = "rule:service_api"
ADMIN_OR_SERVICE = "rule:admin_or_service_api"
ADMIN_OR_PROJECT_READER_OR_SERVICE = "rule:admin_or_project_reader_or_service_api"

_REASON = "Other services act with the service role; admin stays for operators."
_SINCE = "13.0.0"


def _older(name: str) -> policy.DeprecatedRule:
    """The default of older releases, in force when [oslo_policy] enforce_new_defaults is off."""
    return policy.DeprecatedRule(
        name=name, check_str="role:admin", deprecated_reason=_REASON, deprecated_since=_SINCE
    )


def rule(
    name: str, description: str, *paths: tuple[str, str], check: str = ADMIN_OR_SERVICE
) -> policy.DocumentedRuleDefault:
    """A rule that guards these (method, path)."""
    return policy.DocumentedRuleDefault(
        name=name,
        check_str=check,
        description=description,
        operations=[{"method": method, "path": path} for method, path in paths],
        scope_types=["project"],
        deprecated_rule=_older(name) if check == SERVICE else None,
    )


RULES = [
    policy.RuleDefault("admin_api", "role:admin", description="Administrators."),
    policy.RuleDefault(
        "service_api",
        "role:service",
        description="Other services of the cloud.",
        deprecated_rule=_older("service_api"),
    ),
    policy.RuleDefault(
        "admin_or_service_api",
        "role:admin or role:service",
        description="Administrators and other services.",
        deprecated_rule=_older("admin_or_service_api"),
    ),
    policy.RuleDefault(
        "project_reader_api",
        "role:reader and project_id:%(project_id)s",
        description="Readers in the project that is asked about.",
        deprecated_rule=_older("project_reader_api"),
    ),
    policy.RuleDefault(
        "admin_or_project_reader_or_service_api",
        "role:admin or rule:project_reader_api or role:service",
        description="Administrators, other services, and readers in the project that is asked about.",
        deprecated_rule=_older("admin_or_project_reader_or_service_api"),
    ),
]
