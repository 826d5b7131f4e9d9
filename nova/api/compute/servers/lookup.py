"""The server that the path of a request names, and whose servers a caller sees at all."""

from __future__ import annotations

from groundwork.operations import Call
from nova.cells.servers import Servers, not_found
from nova.domain.server import Server


def require_in_sight(call: Call, uuid: str, *, project_id: str) -> None:
    """Servers of other projects do not exist for anybody but administrators; policies are asked afterwards.

    :raises ServerNotFound: it belongs to another project.
    """
    if not call.context.is_admin and project_id != call.context.project_id:
        raise not_found(uuid)


class ServersOfPath:
    """Finds ``{server_id}``."""

    def __init__(self, servers: Servers) -> None:
        self._servers = servers

    def find(self, call: Call) -> Server:
        """The server, deleted ones too. :raises ServerNotFound: there is none that the caller sees."""
        found = self._servers.find(call.path["server_id"], with_deleted=True).server
        require_in_sight(call, found.uuid, project_id=found.project_id)
        return found
