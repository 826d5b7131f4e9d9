"""The server that the path of a request names, and whose servers a caller sees at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from groundwork.database import Transaction
from groundwork.errors import Unavailable
from groundwork.operations import Call
from nova.cells.scatter import Down, Late, Scatter
from nova.cells.servers import Located, Servers, not_found
from nova.domain.server import Server

T = TypeVar("T")


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


def ask_cell_of(scatter: Scatter, located: Located, query: Callable[[Transaction], T]) -> T | None:
    """What the server's cell answers; None while it has no cell. :raises Unavailable: the cell is silent."""
    if located.cell is None:
        return None
    match scatter.ask([located.cell], query)[located.cell]:
        case Late() | Down():
            raise Unavailable(
                f"The cell of instance {located.server.uuid} does not answer now.",
                internal=f"cell {located.cell.uuid}",
            )
        case answer:
            return answer
