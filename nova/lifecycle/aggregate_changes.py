"""Changing aggregates: a host is in one availability zone, and no server changes its zone unawares.

What is refused is decided in the transaction that makes the change, with all aggregates locked. Only whether a host has
servers is asked of its cell before: a server that arrives in between keeps the zone it was sent to in its row.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from groundwork.context import RequestContext
from groundwork.database import Database, Transaction
from groundwork.errors import Conflict, Invalid, NotFound, Problem, Unavailable
from nova.availability_zones import ZoneNames
from nova.cells.registry import Registry
from nova.cells.scatter import Down, Late, Scatter
from nova.db.api import aggregates, host_mappings
from nova.db.api.aggregates import ZONE_KEY, Aggregate
from nova.db.cell import compute_nodes
from nova.lifecycle.aggregate_mirror import AggregateMirror


class AggregateChanges:
    """What operators do to aggregates."""

    def __init__(
        self,
        *,
        api_database: Database,
        registry: Registry,
        scatter: Scatter,
        mirror: AggregateMirror,
        zone_names: ZoneNames,
    ) -> None:
        self._database = api_database
        self._registry = registry
        self._scatter = scatter
        self._mirror = mirror
        self._zone_names = zone_names

    def update(self, aggregate_id: int, *, name: str | None, zone: str | None) -> Aggregate:
        """Give it another name, or another zone, or both.

        :raises NotFound: there is none.
        :raises Conflict: the name is taken.
        :raises Invalid: hosts of it are in another zone too, or have servers.
        """
        changes = {} if zone is None else {ZONE_KEY: zone}

        def work(tx: Transaction) -> Aggregate:
            found = self._prepare(tx, aggregate_id, changes, busy)
            if name is not None:
                aggregates.rename(tx, found, name)
            aggregates.change_metadata(tx, found, changes)
            aggregates.touch(tx, found)
            return aggregates.find_aggregate(tx, aggregate_id)

        busy = self._busy_if_moved(aggregate_id, changes)
        return self._database.run(work)

    def set_metadata(self, aggregate_id: int, changes: Mapping[str, str | None]) -> Aggregate:
        """Set these keys; None removes one.

        :raises NotFound: there is none.
        :raises Invalid: the zone makes no sense; hosts of it are in another zone too, or have servers.
        """
        zone = changes.get(ZONE_KEY, "unchanged")
        if not zone or ":" in zone:
            raise Invalid(
                f"The availability zone of aggregate {aggregate_id} cannot be taken away, empty, or with a ':'."
            )

        def work(tx: Transaction) -> Aggregate:
            found = self._prepare(tx, aggregate_id, changes, busy)
            aggregates.change_metadata(tx, found, changes)
            aggregates.touch(tx, found)
            return aggregates.find_aggregate(tx, aggregate_id)

        busy = self._busy_if_moved(aggregate_id, changes)
        return self._database.run(work)

    def delete(self, aggregate_id: int) -> None:
        """:raises NotFound: there is none. :raises Invalid: it has hosts."""

        def work(tx: Transaction) -> None:
            aggregates.lock_all(tx)
            found = aggregates.find_aggregate(tx, aggregate_id)
            if found.hosts:
                raise Invalid(f"Cannot remove aggregate {aggregate_id}. Reason: it is not empty.")
            aggregates.delete_aggregate(tx, found)

        self._database.run(work)

    def add_host(self, context: RequestContext, aggregate_id: int, host: str) -> Aggregate:
        """Put a host of any cell into the aggregate.

        :raises NotFound: there is no such aggregate, or the host is in no cell.
        :raises Conflict: it is in already, or in another zone; or its servers would change their zone.
        """
        busy = self._with_servers([host])

        def work(tx: Transaction) -> Aggregate:
            aggregates.lock_all(tx)
            found = aggregates.find_aggregate(tx, aggregate_id)
            if host_mappings.find(tx, host) is None:
                raise _no_host(host)
            if host in found.hosts:
                raise Conflict(f"Aggregate {aggregate_id} already has host {host}.")
            after = replace(found, hosts=(*found.hosts, host))
            self._require_one_zone(tx, found, after, [host], busy, Conflict)
            aggregates.add_host(tx, found, host)
            return after

        changed = self._database.run(work)
        self._mirror.host_came(context, changed, host)
        return changed

    def remove_host(self, context: RequestContext, aggregate_id: int, host: str) -> Aggregate:
        """Take a host out of the aggregate.

        :raises NotFound: there is no such aggregate, or the host is not in it.
        :raises Conflict: its servers would change their zone.
        """
        busy = self._with_servers([host])

        def work(tx: Transaction) -> Aggregate:
            aggregates.lock_all(tx)
            found = aggregates.find_aggregate(tx, aggregate_id)
            if host not in found.hosts:
                raise NotFound(f"Aggregate {aggregate_id} has no host {host}.")
            after = replace(found, hosts=tuple(each for each in found.hosts if each != host))
            self._require_one_zone(tx, found, after, [host], busy, Conflict)
            aggregates.take_host(tx, found, host)
            return after

        changed = self._database.run(work)
        self._mirror.host_went(context, changed, host)
        return changed

    def _prepare(
        self,
        tx: Transaction,
        aggregate_id: int,
        changes: Mapping[str, str | None],
        busy: Collection[str],
    ) -> Aggregate:
        """The locked aggregate, when its zone may become what ``changes`` say."""
        aggregates.lock_all(tx)
        found = aggregates.find_aggregate(tx, aggregate_id)
        if ZONE_KEY in changes:
            after = replace(found, metadata={**found.metadata, ZONE_KEY: str(changes[ZONE_KEY])})
            self._require_one_zone(tx, found, after, found.hosts, busy, Invalid)
        return found

    def _require_one_zone(
        self,
        tx: Transaction,
        before: Aggregate,
        after: Aggregate,
        hosts: Collection[str],
        busy: Collection[str],
        refusal: type[Problem],
    ) -> None:
        others = [a for a in aggregates.list_aggregates(tx) if a.id != before.id and a.zone]
        for host in sorted(hosts):
            elsewhere = {str(a.zone) for a in others if host in a.hosts}
            was = elsewhere | ({before.zone} if before.zone and host in before.hosts else set())
            now = elsewhere | ({after.zone} if after.zone and host in after.hosts else set())
            if len(now) > 1:
                raise refusal(
                    f"One or more hosts already in availability zone(s) {sorted(elsewhere)}: {host} cannot be in "
                    f"{after.zone} too."
                )
            old, new = (next(iter(zones), self._zone_names.default) for zones in (was, now))
            if old != new and host in busy:
                raise refusal(
                    f"The zone of host {host} would change from '{old}' to '{new}', but it has servers. Move them away "
                    "from the host, then try again."
                )

    def _busy_if_moved(
        self, aggregate_id: int, changes: Mapping[str, str | None]
    ) -> Collection[str]:
        if ZONE_KEY not in changes:
            return ()
        with self._database.read() as tx:
            found = aggregates.find_aggregate(tx, aggregate_id)
        return self._with_servers(found.hosts) if found.zone != changes[ZONE_KEY] else ()

    def _with_servers(self, hosts: Collection[str]) -> Collection[str]:
        """Which of these hosts have servers. :raises Unavailable: the cell of one does not answer."""
        with self._database.read() as tx:
            mapped = [found for host in hosts if (found := host_mappings.find(tx, host))]
        by_cell: dict[int, list[str]] = {}
        for each in mapped:
            by_cell.setdefault(each.cell_id, []).append(each.host)
        busy: set[str] = set()
        cells = {self._registry.by_id(cell_id): names for cell_id, names in by_cell.items()}
        wanted = [each.host for each in mapped]
        for cell, answer in self._scatter.ask(
            cells,
            lambda tx: {host for host in wanted if compute_nodes.count_servers(tx, host)},
        ).items():
            if isinstance(answer, Late | Down):
                raise Unavailable(f"Cell {cell.name} does not answer: its hosts may have servers.")
            # A host of the same name in another cell is another host.
            busy |= answer & set(cells[cell])
        return busy


def _no_host(host: str) -> NotFound:
    return NotFound(f"Compute host {host} could not be found.")
