"""What is asked of the scheduler for a server that moves, and what the server counts for; all in the API database.

Whoever counts a server for a move also marks its mapping, so that the server is looked at again however the move ends
(``nova/conductor/settling.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from groundwork.database import Database
from nova.cells.servers import Located
from nova.db.api import instance_mappings, moving_mappings
from nova.db.api.moving_mappings import Sizes
from nova.domain.flavor import Flavor
from nova.domain.request_spec import RequestSpec
from nova.domain.server import Server
from nova.quota.ledger import spend
from nova.quota.limits import Limits
from nova.quota.tally import Demand


class MoveCounting:
    """Counts servers that move."""

    def __init__(self, *, api_database: Database, limits: Limits) -> None:
        self._api_database = api_database
        self._limits = limits

    def spec_for(self, located: Located, flavor: Flavor) -> RequestSpec:
        """What the server was created with, as far as it still binds; the cell is the one it may not leave."""
        server = located.server
        assert located.cell is not None
        with self._api_database.read() as tx:
            known = instance_mappings.known_server(tx, server.uuid)
        if known is None or known.spec is None:
            spec = RequestSpec(
                project_id=server.project_id,
                user_id=server.user_id,
                flavor=flavor,
                image_id=server.image_ref or None,
                image_properties=server.image_properties,
                availability_zone=server.pinned_availability_zone,
                is_volume_backed=not server.image_ref,
            )
        else:
            spec = known.spec
        return replace(
            spec,
            flavor=flavor,
            # Of the create alone.
            forced_host=None,
            forced_node=None,
            requested_host=None,
            requested_node=None,
            ignored_hosts=(),
            current_cell=located.cell.uuid,
            only_cell=located.cell.uuid,
        )

    def count_larger(self, server: Server, spec: RequestSpec) -> None:
        """Count the server for the larger of both flavors, and mark it.

        :raises OverQuota: that does not fit.
        """
        before, wanted = Sizes.of(replace(spec, flavor=server.flavor)), Sizes.of(spec)
        more = before.larger(wanted)
        demand = Demand(
            min_count=1,
            max_count=1,
            vcpus_each=more.vcpus - before.vcpus,
            memory_mb_each=more.memory_mb - before.memory_mb,
            resources_each=_more_by_class(before.resources, more.resources),
            servers_each=0,
        )
        limits = self._limits.of_project(server.project_id)
        spend(
            self._api_database,
            limits,
            server.user_id,
            demand,
            lambda tx, _count: moving_mappings.mark(tx, server.uuid, wanted),
        )

    def mark(self, server: Server, spec: RequestSpec) -> None:
        """Mark a server that keeps its flavor, and so counts for no more."""
        sizes = Sizes.of(spec)
        self._api_database.run(lambda tx: moving_mappings.mark(tx, server.uuid, sizes))

    def count_only(self, located: Located, flavor: Flavor) -> None:
        """Count the server for this flavor alone."""
        sizes = Sizes.of(self.spec_for(located, flavor))
        self._api_database.run(lambda tx: moving_mappings.count(tx, located.server.uuid, sizes))


def _more_by_class(before: Mapping[str, int], after: Mapping[str, int]) -> Mapping[str, int]:
    more = {name: amount - before.get(name, 0) for name, amount in after.items()}
    return {name: amount for name, amount in more.items() if amount}
