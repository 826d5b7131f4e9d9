"""Where servers are that a request names in its hints, and those of its server group."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial

import sqlalchemy as sa

from groundwork.database import Database, Transaction
from nova.cells.group_sight import look
from nova.cells.registry import Registry
from nova.cells.scatter import Down, Late, Scatter
from nova.db.api.models import instance_mappings
from nova.db.cell.models import instances
from nova.domain.request_spec import RequestSpec
from nova.domain.server_group import ServerGroup
from nova.scheduler.decision import Rules
from nova.scheduler.host_view import Ask


class ServerPlaces:
    """Looks servers up in their cells. Thread safe."""

    def __init__(self, *, api_database: Database, registry: Registry, scatter: Scatter) -> None:
        self._api_database = api_database
        self._registry = registry
        self._scatter = scatter

    def hosts_of(self, servers: Collection[str]) -> Mapping[str, str]:
        """The host of each of these servers (uuids); left out are those that are on none, or in a silent cell.

        Only the cells that own them are asked. A silent cell's hosts are not chosen either, so no server gets onto the
        host of one that is to be avoided.
        """
        if not servers:
            return {}
        with self._api_database.read() as tx:
            owners = _cells_of(tx, servers)
        cells = [cell for cell in self._registry.real() if cell.id in owners]
        found: dict[str, str] = {}
        for answer in self._scatter.ask(cells, partial(_hosts_of, servers=servers)).values():
            # The scatter has logged why there is none.
            if not isinstance(answer, Late | Down):
                found.update(answer)
        return found

    def with_members(self, group: ServerGroup) -> ServerGroup | None:
        """The group with its members where they are now; None when it was deleted: nothing binds its servers."""
        sight = look(
            group.uuid,
            api_database=self._api_database,
            registry=self._registry,
            scatter=self._scatter,
        )
        return None if sight is None else sight.counting_all()


def ask_of(spec: RequestSpec, now: datetime, *, rules: Rules, servers: ServerPlaces | None) -> Ask:
    """The request as filters see it: with the hosts of the servers that its hints name, where a filter wants them.

    ``servers`` finds them; without it they are nowhere.
    """
    ask = Ask(spec, now)
    if servers is None or not rules.needs_server_hosts:
        return ask
    named = {*ask.hints("same_host"), *ask.hints("different_host")}
    return replace(ask, server_hosts=servers.hosts_of(named))


def _cells_of(tx: Transaction, servers: Collection[str]) -> set[int]:
    table = instance_mappings
    rows = tx.execute(
        sa.select(table.c.cell_id).where(
            table.c.instance_uuid.in_(servers), table.c.cell_id.is_not(None)
        )
    )
    return {row.cell_id for row in rows}


def _hosts_of(tx: Transaction, *, servers: Collection[str]) -> dict[str, str]:
    rows = tx.execute(
        sa.select(instances.c.uuid, instances.c.host).where(
            instances.c.uuid.in_(servers), instances.c.deleted == 0, instances.c.host.is_not(None)
        )
    )
    return {row.uuid: row.host for row in rows}
