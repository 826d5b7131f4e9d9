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


def find_server(
    servers: Servers, call: Call, *, with_deleted: bool = False, with_host: bool = False
) -> Located:
    """The server that the path names: ``{server_id}``, or ``{id}`` where that is all it has.

    Resources keep it with their ``servers`` filled in, as the subject of their operations.

    :raises ServerNotFound: there is none that the caller sees.
    :raises Unavailable: its cell does not answer.
    """
    uuid = call.path["server_id" if "server_id" in call.path else "id"]
    located = servers.find(uuid, with_deleted=with_deleted, with_host=with_host)
    require_in_sight(call, located.server.uuid, project_id=located.project_id)
    return located


class ServersOfPath:
    """Finds servers as they are, for who need not know the cell."""

    def __init__(self, servers: Servers) -> None:
        self._servers = servers

    def find(self, call: Call) -> Server:
        """The server, deleted ones too. :raises ServerNotFound: there is none that the caller sees."""
        return find_server(self._servers, call, with_deleted=True).server


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
