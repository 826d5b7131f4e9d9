"""``host_status`` (2.16): how the host of a server is, for those who may know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from groundwork.columns import now
from groundwork.operations import Call
from nova.cells.registry import Registry
from nova.cells.scatter import Down, Late, Scatter
from nova.db.cell import services
from nova.domain.server import Server
from nova.liveness import is_up

_SINCE = (2, 16)


class HostStatuses:
    """Looks at the compute services of the hosts that a page of servers is on."""

    def __init__(self, *, registry: Registry, scatter: Scatter, service_down_time_s: int) -> None:
        self._registry = registry
        self._scatter = scatter
        self._down_time_s = service_down_time_s

    def for_caller(self, call: Call, servers: Sequence[Server]) -> Mapping[str, str]:
        """``host_status`` by server uuid; servers of which the caller may not know it are left out."""
        if call.version < _SINCE or not servers:
            return {}
        sees_all = call.can("os_compute_api:servers:show:host_status")
        if not sees_all and not call.can("os_compute_api:servers:show:host_status:unknown-only"):
            return {}
        by_host = self._by_host({server.host for server in servers if server.host})
        found = {
            server.uuid: by_host.get(server.host, "UNKNOWN") if server.host else ""
            for server in servers
        }
        if sees_all:
            return found
        return {uuid: status for uuid, status in found.items() if status == "UNKNOWN"}

    def _by_host(self, hosts: set[str]) -> Mapping[str, str]:
        if not hosts:
            return {}
        answers = self._scatter.ask(
            self._registry.real(), lambda tx: services.conditions(tx, sorted(hosts))
        )
        found: dict[str, str] = {}
        for answer in answers.values():
            match answer:
                case Late() | Down():
                    continue
                case rows:
                    found.update({row.host: self._status(row) for row in rows})
        return found

    def _status(self, row: services.Condition) -> str:
        if row.forced_down:
            return "DOWN"
        if row.disabled:
            return "MAINTENANCE"
        return "UP" if is_up(row, now(), self._down_time_s) else "UNKNOWN"
