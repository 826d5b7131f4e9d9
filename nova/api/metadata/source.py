"""Guests, put together when they ask and kept for some seconds."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

from groundwork.errors import Conflict, NotFound
from nova.api.metadata.guest import Guest, Networks, Passwords
from nova.api.metadata.identity import Asker
from nova.api.metadata.lookup import ServerLookup
from nova.api.metadata.vendor_data import StaticVendorData

# As long as the longest seed that guests mix in; more only makes the document longer.
_SEED_BYTES = 512


class GuestSource:
    """What is known of guests. Thread safe.

    A booting guest asks dozens of times within seconds; answers may be ``cache_expiration_s`` old (0: never kept).
    """

    def __init__(
        self,
        *,
        servers: ServerLookup,
        networks: Networks | None,
        passwords: Passwords | None,
        vendor_data: StaticVendorData,
        dhcp_domain: str,
        cache_expiration_s: int,
        clock: Callable[[], float],
    ) -> None:
        """:param networks: None when servers of this deployment have no ports.
        :param passwords: None when guests cannot leave a password here.
        :param clock: monotonic, in seconds.
        """
        self._servers = servers
        self._networks = networks
        self._passwords = passwords
        self._vendor_data = vendor_data
        self._dhcp_domain = dhcp_domain
        self._expiration_s = cache_expiration_s
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[float, Guest]] = {}

    def guest_of(self, asker: Asker) -> Guest:
        """The guest.

        :raises NotFound: no such server, or of another project than the proxy says; the asker cannot tell which.
        :raises Unavailable: its cell or the network service does not answer.
        """
        guest = self._fresh(asker.server_uuid)
        if guest is None:
            guest = self._make(asker.server_uuid)
            self._keep(guest)
        if guest.server.project_id != asker.project_id:
            raise _no_metadata(asker.server_uuid, "the proxy names another project")
        return guest

    def password_of(self, guest: Guest) -> str | None:
        """What the guest left, "" when nothing; None when there is no place for it."""
        return None if self._passwords is None else self._passwords.read(guest.server.uuid)

    def leave_password(self, guest: Guest, password: str) -> None:
        """Keep the guest's password, once.

        :raises Conflict: there is one already.
        :raises NotFound: there is no place for it.
        """
        if self._passwords is None:
            raise _no_metadata(guest.server.uuid, "passwords are not kept")
        if self._passwords.read(guest.server.uuid):
            raise Conflict("The password was set already.")
        self._passwords.write(guest.server.uuid, password)

    def _make(self, server_uuid: str) -> Guest:
        server = self._servers.find(server_uuid)
        if server is None:
            raise _no_metadata(server_uuid, "no such server")
        return Guest(
            server=server,
            nics=tuple(self._networks.nics(server)) if self._networks else (),
            dhcp_domain=self._dhcp_domain,
            random_seed=os.urandom(_SEED_BYTES),
            static_vendor_data=self._vendor_data.read(),
        )

    def _fresh(self, server_uuid: str) -> Guest | None:
        found = self._kept.get(server_uuid)
        return found[1] if found and self._clock() < found[0] else None

    def _keep(self, guest: Guest) -> None:
        if self._expiration_s <= 0:
            return
        now = self._clock()
        with self._lock:
            # What has expired goes now: otherwise each guest that ever booted would stay.
            self._kept = {u: kept for u, kept in self._kept.items() if now < kept[0]}
            self._kept[guest.server.uuid] = (now + self._expiration_s, guest)


def _no_metadata(server_uuid: str, internal: str) -> NotFound:
    return NotFound(f"No metadata is available for {server_uuid}.", internal=internal)
