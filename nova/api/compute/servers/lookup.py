"""The server that the path of a request names, for resources below a server."""

from __future__ import annotations

from groundwork.operations import Call
from nova.cells.servers import Servers
from nova.domain.server import Server


class ServersOfPath:
    """Finds ``{server_id}``."""

    def __init__(self, servers: Servers) -> None:
        self._servers = servers

    def find(self, call: Call) -> Server:
        """The server, deleted ones too. :raises ServerNotFound: there is none."""
        return self._servers.find(call.path["server_id"], with_deleted=True).server
