"""Is the host the one, or none, of those where certain other servers are."""

from __future__ import annotations

from typing import ClassVar

from nova.scheduler.filters.filter import Filter, Reason
from nova.scheduler.host_view import Ask, HostView


class SameHostFilter(Filter):
    """The host of one of the servers that the hint ``same_host`` names (uuids); none if all of them are nowhere."""

    needs_server_hosts: ClassVar[bool] = True

    def applies(self, ask: Ask) -> bool:
        return bool(ask.hints("same_host"))

    def reject(self, host: HostView, ask: Ask) -> Reason | None:
        named = ask.hints("same_host")
        if not named or any(ask.server_hosts.get(server) == host.host for server in named):
            return None
        return self.because("none of the named servers is there")


class DifferentHostFilter(Filter):
    """Hosts without any of the servers that the hint ``different_host`` names (uuids)."""

    needs_server_hosts: ClassVar[bool] = True

    def applies(self, ask: Ask) -> bool:
        return bool(ask.hints("different_host"))

    def reject(self, host: HostView, ask: Ask) -> Reason | None:
        for server in ask.hints("different_host"):
            if ask.server_hosts.get(server) == host.host:
                return self.because(f"server {server} is there")
        return None
