"""Is the host near the address that the hints name."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

from nova.scheduler.filters.filter import Filter, Reason
from nova.scheduler.host_view import Ask, HostView


class SimpleCIDRAffinityFilter(Filter):
    """Hosts in the network of the hints ``build_near_host_ip`` and ``cidr`` (``/24`` by default)."""

    def applies(self, ask: Ask) -> bool:
        return bool(ask.hints("build_near_host_ip"))

    def reject(self, host: HostView, ask: Ask) -> Reason | None:
        near = ask.hints("build_near_host_ip")
        if not near:
            return None
        prefix = (ask.hints("cidr") or ("/24",))[0].lstrip("/")
        try:
            network = ip_network(f"{near[0]}/{prefix}", strict=False)
            is_near = host.host_ip is not None and ip_address(host.host_ip) in network
        except ValueError:
            return self.because(f"{near[0]}/{prefix} is no network")
        return None if is_near else self.because(f"{host.host_ip} is not in {network}")
