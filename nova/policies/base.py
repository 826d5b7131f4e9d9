"""What rules are made of: who counts as what, by role and project.

Old defaults (from before roles ``reader`` and ``member`` had a meaning) hang on these building blocks; they count only
with ``[oslo_policy] enforce_new_defaults = false``.
"""

from __future__ import annotations

from oslo_policy import policy

ADMIN = "rule:context_is_admin"
PROJECT_MANAGER_OR_ADMIN = "rule:project_manager_or_admin"
PROJECT_MEMBER_OR_ADMIN = "rule:project_member_or_admin"
PROJECT_READER_OR_ADMIN = "rule:project_reader_or_admin"
SERVICE_OR_ADMIN = "rule:service_or_admin"
#: Things that belong to a user rather than to a project.
OWNER_USER_OR_ADMIN = "rule:context_is_admin or user_id:%(user_id)s"
ANYONE = "@"
NOBODY = "!"

OLD_ADMIN = "rule:admin_api"
OLD_ADMIN_OR_SAME_PROJECT = "rule:admin_or_owner"

_REASON = "The default now looks at the roles reader, member, manager and service of a project."
_SINCE = "1.0.0"


def rule(
    name: str,
    check: str,
    description: str,
    *guards: str,
    older: tuple[str, str] | None = None,
) -> policy.DocumentedRuleDefault:
    """A rule with its default; ``guards`` are ``METHOD /path`` texts, with the action's key in brackets.

    ``older`` is the name and check of the default before; overrides of the old name go on to count.
    """
    return policy.DocumentedRuleDefault(
        name=name,
        check_str=check,
        description=description,
        operations=[_guarded(text) for text in guards],
        deprecated_rule=_older(*older) if older else None,
    )


def _guarded(text: str) -> policy.Operation:
    method, _, path = text.partition(" ")
    return {"method": method, "path": path}


def _older(name: str, check: str) -> policy.DeprecatedRule:
    return policy.DeprecatedRule(name, check, deprecated_reason=_REASON, deprecated_since=_SINCE)


def _block(name: str, check: str, description: str, older: str | None = None) -> policy.RuleDefault:
    return policy.RuleDefault(
        name, check, description=description, deprecated_rule=_older(name, older) if older else None
    )


RULES = [
    _block("context_is_admin", "role:admin", "Who counts as an admin.", OLD_ADMIN),
    _block(
        "admin_or_owner",
        "is_admin:True or project_id:%(project_id)s",
        "Old default: an admin, or anybody of the same project.",
    ),
    _block("admin_api", "is_admin:True", "Old default: an admin."),
    _block(
        "project_manager_api",
        "role:manager and project_id:%(project_id)s",
        "A manager of the same project.",
        OLD_ADMIN,
    ),
    _block(
        "project_member_api",
        "role:member and project_id:%(project_id)s",
        "A member of the same project.",
        OLD_ADMIN_OR_SAME_PROJECT,
    ),
    _block(
        "project_reader_api",
        "role:reader and project_id:%(project_id)s",
        "A reader of the same project.",
        OLD_ADMIN_OR_SAME_PROJECT,
    ),
    _block("service_api", "role:service", "Another service of this cloud.", OLD_ADMIN),
    _block(
        "project_manager_or_admin",
        "rule:project_manager_api or rule:context_is_admin",
        "A manager of the same project, or an admin.",
        OLD_ADMIN,
    ),
    _block(
        "project_member_or_admin",
        "rule:project_member_api or rule:context_is_admin",
        "A member of the same project, or an admin.",
        OLD_ADMIN_OR_SAME_PROJECT,
    ),
    _block(
        "project_reader_or_admin",
        "rule:project_reader_api or rule:context_is_admin",
        "A reader of the same project, or an admin.",
        OLD_ADMIN_OR_SAME_PROJECT,
    ),
    _block(
        "service_or_admin",
        "rule:service_api or rule:context_is_admin",
        "Another service of this cloud, or an admin.",
        OLD_ADMIN,
    ),
]
