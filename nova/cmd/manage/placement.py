"""``nova-manage placement``: what servers and hosts have in Placement, set right."""

from __future__ import annotations

from groundwork.arguments import count
from nova.cmd.manage import healing, host_aggregates, orphans
from nova.cmd.manage.commands import Commands


def add_commands(commands: Commands) -> None:
    """heal_allocations, sync_aggregates, audit."""
    argument = commands.add(
        "heal_allocations", healing.heal_allocations, "give servers the allocations that they lack"
    )
    argument("--max-count", type=count, metavar="N", help="heal at most so many servers")
    argument("--verbose", action="store_true", help="also tell of servers that lack nothing")
    argument("--dry-run", action="store_true", help="tell what would be done, and do nothing")
    argument("--instance", metavar="UUID", help="this server only")
    argument(
        "--skip-port-allocations",
        action="store_true",
        help="leave out what ports ask for; ports of this release ask for nothing",
    )
    argument("--cell", metavar="UUID", help="servers of this cell only")
    argument(
        "--force",
        action="store_true",
        help="also replace allocations that are there; needs --instance or --cell",
    )

    argument = commands.add(
        "sync_aggregates",
        host_aggregates.sync_aggregates,
        "put the providers of hosts into the aggregates of these hosts",
    )
    argument("--verbose", action="store_true", help="tell of every host and aggregate")

    argument = commands.add(
        "audit", orphans.audit, "look for allocations of servers and moves that do not exist"
    )
    argument("--verbose", action="store_true", help="tell what is looked at")
    argument("--resource_provider", metavar="UUID", help="at this provider only")
    argument("--delete", action="store_true", help="delete what is found")
