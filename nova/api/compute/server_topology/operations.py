"""``/servers/{server_id}/topology``."""

from __future__ import annotations

from functools import partial

from groundwork.errors import Invalid
from groundwork.operations import Answer, Call, operation
from nova.api.compute.server_topology import schemas
from nova.api.compute.server_topology.views import placed, wished
from nova.api.compute.servers.lookup import ask_cell_of, find_server
from nova.cells.scatter import Scatter
from nova.cells.servers import Located, Servers
from nova.db.cell import hardware_pins
from nova.domain.numa import NumaRequest
from nova.domain.numa_reading import numa_request_of
from nova.domain.server import Server


class ServerTopology:
    """How a server lies in the NUMA nodes of its host."""

    def __init__(self, *, servers: Servers, scatter: Scatter) -> None:
        self.find_server = partial(find_server, servers)
        self._scatter = scatter

    @operation(
        "GET",
        "/servers/{server_id}/topology",
        versions="2.78-",
        policy="compute:server:topology:index",
        soft_policies=("compute:server:topology:host:index",),
        subject="find_server",
        query=schemas.QUERY,
        response=schemas.SHOWN,
        errors=(400, 403, 404, 503),
    )
    def show(self, call: Call, located: Located) -> Answer:
        """Show the NUMA nodes of a server; none when it asked for nothing of that kind."""
        server = located.server
        host = server.host
        pins = None
        if host is not None:
            pins = ask_cell_of(
                self._scatter, located, lambda tx: hardware_pins.of_server(tx, server.uuid, host)
            )
        if pins is None or not pins.cells:
            return Answer(wished(_request_of(server)))
        shows_host = call.can(
            "compute:server:topology:host:index", {"project_id": located.project_id}
        )
        return Answer(placed(pins, shows_host=shows_host))


def _request_of(server: Server) -> NumaRequest | None:
    """Servers that were made before their flavor had to make sense have no topology."""
    try:
        return numa_request_of(server.flavor, server.image_properties)
    except Invalid:
        return None
