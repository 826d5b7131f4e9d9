"""``host_status`` (2.16): how the host of a server is, for those who may know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from groundwork.columns import now
from groundwork.operations import Call
from nova.db.cell.server_pages import ServerRow
from nova.liveness import is_up

_SINCE = (2, 16)
_ALL = "os_compute_api:servers:show:host_status"
_UNKNOWN_ONLY = "os_compute_api:servers:show:host_status:unknown-only"


class HostStatuses:
    """Tells it from what was read with each server."""

    def __init__(self, *, service_down_time_s: int) -> None:
        self._down_time_s = service_down_time_s

    @staticmethod
    def are_told(call: Call) -> bool:
        """Whether the caller may know anything of it, so that the hosts have to be read with the servers."""
        return call.version >= _SINCE and (call.can(_ALL) or call.can(_UNKNOWN_ONLY))

    def for_caller(self, call: Call, rows: Sequence[ServerRow]) -> Mapping[str, str]:
        """``host_status`` by server uuid; servers of which the caller may not know it are left out."""
        if not rows or not self.are_told(call):
            return {}
        found = {row.server.uuid: self._status(row) for row in rows}
        if call.can(_ALL):
            return found
        return {uuid: status for uuid, status in found.items() if status == "UNKNOWN"}

    def _status(self, row: ServerRow) -> str:
        if not row.server.host:
            return ""
        host = row.host
        if host is None:
            return "UNKNOWN"
        if host.forced_down:
            return "DOWN"
        if host.disabled:
            return "MAINTENANCE"
        return "UP" if is_up(host, now(), self._down_time_s) else "UNKNOWN"
