"""``network_data.json``: links, networks and services, as cloud-init reads them."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_network
from typing import Any

from nova.api.metadata.guest import Address, Nic

# What guests understand; each other kind of port is an ordinary interface to them.
_LINK_TYPES = frozenset({"bridge", "ovs", "phy", "tap", "vhostuser", "hw_veb", "hostdev_physical"})


def network_data(nics: Sequence[Nic]) -> dict[str, Any]:
    """The document; without ports its three lists are empty."""
    networks: list[dict[str, Any]] = []
    services: list[dict[str, Any]] = []
    for nic in nics:
        for address in nic.addresses:
            networks.append(_network(nic, address, number=len(networks)))
            services += [s for s in _services(address) if s not in services]
    return {"links": [_link(nic) for nic in nics], "networks": networks, "services": services}


def _link_id(nic: Nic) -> str:
    return f"tap{nic.port_id[:11]}"


def _link(nic: Nic) -> dict[str, Any]:
    return {
        "id": _link_id(nic),
        "vif_id": nic.port_id,
        "type": nic.vif_type if nic.vif_type in _LINK_TYPES else "phy",
        "mtu": nic.mtu,
        "ethernet_mac_address": nic.mac_address,
    }


def _network(nic: Nic, address: Address, *, number: int) -> dict[str, Any]:
    subnet = ip_network(address.cidr, strict=False)
    found: dict[str, Any] = {
        "id": f"network{number}",
        "link": _link_id(nic),
        "network_id": nic.network_id,
        "type": f"ipv{subnet.version}{'_dhcp' if address.dhcp else ''}",
    }
    if address.dhcp:
        return found
    routes = [(route.network, route.gateway) for route in address.routes]
    if address.gateway is not None:
        routes.insert(0, ("0.0.0.0/0" if subnet.version == 4 else "::/0", address.gateway))
    return {
        **found,
        "ip_address": address.address,
        "netmask": str(subnet.netmask),
        "routes": [_route(network, gateway) for network, gateway in routes],
        "services": _services(address),
    }


def _route(network: str, gateway: str) -> dict[str, str]:
    target = ip_network(network, strict=False)
    return {
        "network": str(target.network_address),
        "netmask": str(target.netmask),
        "gateway": gateway,
    }


def _services(address: Address) -> list[dict[str, Any]]:
    return [{"type": "dns", "address": server} for server in address.dns_servers]
