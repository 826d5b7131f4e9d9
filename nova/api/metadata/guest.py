"""What is known of a guest when it asks."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from nova.domain.server import Server


@dataclass(frozen=True, slots=True)
class Route:
    """A route that the guest should have; ``network`` in CIDR form."""

    network: str
    gateway: str


@dataclass(frozen=True, slots=True)
class Address:
    """One fixed address. ``dhcp``: the guest gets it from DHCP and needs no static configuration."""

    address: str
    cidr: str
    dhcp: bool = True
    gateway: str | None = None
    routes: Sequence[Route] = ()
    dns_servers: Sequence[str] = ()
    floating: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Nic:
    """One port of the guest, in the order in which it sees them."""

    port_id: str
    network_id: str
    mac_address: str
    vif_type: str = "ovs"
    mtu: int | None = None
    addresses: Sequence[Address] = ()
    tag: str | None = None


class Networks(Protocol):
    """Where the ports of a server are known."""

    def nics(self, server: Server) -> Sequence[Nic]:
        """Its ports. :raises Unavailable: cannot be told now."""


class Passwords(Protocol):
    """Where a guest leaves the password that it made, encrypted for the owner of the key."""

    def read(self, server_uuid: str) -> str:
        """Empty when there is none."""

    def write(self, server_uuid: str, password: str) -> None:
        """:raises Conflict: there is one already."""


@dataclass(frozen=True, slots=True)
class Guest:
    """A server as its own guest may know it."""

    server: Server
    nics: Sequence[Nic]
    dhcp_domain: str
    random_seed: bytes
    #: The operator's own object; None when none is to be shown.
    static_vendor_data: Mapping[str, object] | None

    @property
    def hostname(self) -> str:
        """The host name with the domain that the operator configured, unless it has one already."""
        name = self.server.hostname or ""
        if not self.dhcp_domain or "." in name:
            return name
        return f"{name}.{self.dhcp_domain}"

    @property
    def user_data(self) -> bytes | None:
        """The decoded user data, None when there is none."""
        if not self.server.user_data:
            return None
        try:
            return base64.b64decode(self.server.user_data)
        except (binascii.Error, ValueError):
            # The API checked it; rows written by others are handed on as they are.
            return self.server.user_data.encode()

    @property
    def fixed_addresses(self) -> tuple[Address, ...]:
        """All fixed addresses, by port."""
        return tuple(address for nic in self.nics for address in nic.addresses)
