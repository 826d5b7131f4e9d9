"""Opening a console of a server.

No operation of the journal: nothing of the server changes. Its host says where the console is and which proxy leads
there; then a token is stored in the server's cell, where the proxies of the cell check it, and it is part of the URL
that the client gets. A token is good until it expires, for as long as the server is on that host.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import quote

from groundwork.context import RequestContext
from groundwork.database import Database
from groundwork.errors import Conflict
from nova.cells.console_tokens import make_token
from nova.cells.registry import Cell
from nova.db.cell import console_auth_tokens
from nova.domain.console import ConsoleAccess, ConsoleGrant, ConsoleType, unavailable
from nova.domain.server import Server
from nova.lifecycle.host_messages import OpenConsole
from nova.lifecycle.states import TaskState
from nova.rpc.bus import Address, Bus
from nova.saga.messages import COMPUTE_TOPIC

_FORBIDDING = frozenset({TaskState.DELETING, "migrating"})


@dataclass(frozen=True, slots=True)
class OpenedConsole:
    """A console that a client may go to now."""

    type: ConsoleType
    url: str


class Consoles:
    """Opens consoles. Thread safe."""

    def __init__(
        self,
        *,
        bus_of: Callable[[Cell], Bus],
        database_of: Callable[[Cell], Database],
        token_ttl_s: int,
        timeout_s: float,
        clock: Callable[[], datetime],
    ) -> None:
        """``timeout_s``: for the answer of the host."""
        self._bus_of = bus_of
        self._database_of = database_of
        self._token_ttl = timedelta(seconds=token_ttl_s)
        self._timeout_s = timeout_s
        self._clock = clock

    def open(
        self, context: RequestContext, cell: Cell | None, server: Server, type_name: str
    ) -> OpenedConsole:
        """A console of this type, which the API names, with a token of its own.

        :raises Invalid: the type is not to be had on the server's host.
        :raises Conflict: the server is on no host, or about to leave it.
        :raises NotSupported: the hypervisor has no such consoles.
        :raises Unavailable: the host does not answer.
        """
        console_type = _to_type(type_name)
        if cell is None or server.host is None:
            raise Conflict(f"Instance {server.uuid} is not ready", server=server.uuid)
        if server.task_state in _FORBIDDING:
            raise Conflict(
                f"Cannot get a console of instance {server.uuid} while it is in task_state "
                f"{server.task_state}",
                server=server.uuid,
            )
        access: ConsoleAccess = self._bus_of(cell).call(
            context,
            Address(COMPUTE_TOPIC, server=server.host),
            OpenConsole(server_uuid=server.uuid, console_type=console_type.value),
            timeout_s=self._timeout_s,
        )
        token, now = make_token(cell), self._clock()
        grant = ConsoleGrant(server.uuid, server.host, console_type.value, access)
        self._database_of(cell).run(
            lambda tx: console_auth_tokens.insert(
                tx, token, grant, now=now, expires_at=now + self._token_ttl
            )
        )
        return OpenedConsole(console_type, _url(console_type, access.base_url, token))


def _to_type(name: str) -> ConsoleType:
    """:raises Invalid: the API knows the name, but no release has such consoles any more (xvpvnc, rdp-html5)."""
    try:
        return ConsoleType(name)
    except ValueError as exc:
        raise unavailable(name) from exc


def _url(console_type: ConsoleType, base_url: str, token: str) -> str:
    separator = "&" if "?" in base_url else "?"
    if console_type is ConsoleType.NOVNC:
        # noVNC's page opens its connection at this path, and the proxy looks for the token there.
        return f"{base_url}{separator}path={quote(f'?token={token}')}"
    return f"{base_url}{separator}token={token}"
