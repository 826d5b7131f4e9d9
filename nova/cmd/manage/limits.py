"""``nova-manage limits``: the command, declared."""

from __future__ import annotations

from nova.cmd.manage import unified_limits
from nova.cmd.manage.commands import Commands


def add_commands(commands: Commands) -> None:
    """migrate_to_unified_limits."""
    argument = commands.add(
        "migrate_to_unified_limits",
        unified_limits.migrate_to_unified_limits,
        "copy limits to Keystone, and look for resources of flavors that have none there",
    )
    argument(
        "--project-id", metavar="PROJECT", help="of projects, copy the limits of this one only"
    )
    argument("--region-id", metavar="REGION", help="the region (that of [oslo_limit] endpoint_id)")
    argument("--verbose", action="store_true", help="tell of every limit")
    argument("--dry-run", action="store_true", help="tell what would be done, and do nothing")
    argument("--quiet", action="store_true", help="print nothing; the exit status tells")
    argument(
        "--no-embedded-flavor-scan",
        action="store_true",
        help="look at the flavors that are there, not at those that servers were made with",
    )
