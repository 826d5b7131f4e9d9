"""What has to hold before a server is moved, and before a move is confirmed or reverted."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import datetime

from groundwork.context import RequestContext
from groundwork.database import Database, Transaction
from groundwork.errors import Conflict, Invalid
from nova.cells.registry import Cell
from nova.cells.servers import Located
from nova.db.api import host_mappings
from nova.db.cell import services
from nova.domain.pci_aliases import EXTRA_SPEC
from nova.domain.request_spec import RequestSpec
from nova.domain.server import Server
from nova.domain.service_versions import MOVES_VERSION
from nova.lifecycle import hardware
from nova.lifecycle.states import VmState, require_resting, require_unlocked
from nova.liveness import is_up

MOVABLE = (VmState.ACTIVE, VmState.STOPPED)
ANSWERABLE = (VmState.RESIZED,)


def require_movable(context: RequestContext, located: Located, verb: str) -> tuple[Cell, str]:
    """The cell and the host of a server that may be moved.

    :raises Conflict: locked, in a wrong state, or on no host.
    """
    server = located.server
    require_unlocked(server, verb=verb, is_admin=bool(context.is_admin))
    require_resting(server, verb=verb, vm_states=MOVABLE)
    if located.cell is None or server.host is None:
        raise Conflict(f"Instance {server.uuid} is not on any host.", server=server.uuid)
    return located.cell, server.host


def require_answerable(context: RequestContext, located: Located, verb: str) -> Cell:
    """The cell of a server whose move may be confirmed or reverted. :raises Conflict: locked, or in a wrong state."""
    server = located.server
    require_unlocked(server, verb=verb, is_admin=bool(context.is_admin))
    require_resting(server, verb=verb, vm_states=ANSWERABLE)
    assert located.cell is not None, "a build request is in another state"
    return located.cell


def require_alike_everywhere(server: Server, spec: RequestSpec) -> None:
    """:raises Invalid: the server has, or shall have, what its host alone holds for it."""
    if server.volumes:
        raise Invalid(f"Instance {server.uuid} has volumes; servers with volumes cannot be moved.")
    before = replace(spec, flavor=server.flavor)
    if any(
        hardware.is_wanted(each) or EXTRA_SPEC in each.flavor.extra_specs for each in (before, spec)
    ):
        raise Invalid(
            f"Instance {server.uuid} cannot be moved: servers with NUMA nodes, CPUs of their own or PCI "
            "devices stay where they are, and no other server gets any by a resize."
        )


class HostChecks:
    """What has to hold of the hosts between which a server moves."""

    def __init__(
        self, *, api_database: Database, service_down_time_s: int, clock: Callable[[], datetime]
    ) -> None:
        self._api_database = api_database
        self._down_time_s = service_down_time_s
        self._clock = clock

    def require_up(self, tx: Transaction, host: str) -> None:
        """``tx`` is of the host's cell. :raises Conflict: its compute service is down, or there is none."""
        service = services.find(tx, host, services.COMPUTE)
        if service is None or not is_up(service, self._clock(), self._down_time_s):
            raise Conflict("Service is unavailable at this time.", host=host)

    def require_able(self, tx: Transaction, server: Server, host: str) -> tuple[str, ...]:
        """The hosts of the cell to which nothing can be moved, as their computes are of too old a release.

        ``tx`` is of the server's cell, and ``host`` where it is.

        :raises Conflict: its compute service is down, there is none, or it is too old itself.
        """
        self.require_up(tx, host)
        too_old = services.hosts_older_than(tx, services.COMPUTE, MOVES_VERSION)
        if host in too_old:
            raise Conflict(
                f"Instance {server.uuid} cannot be moved: the compute service of its host is too old, and has to be "
                "upgraded first.",
                host=host,
            )
        return too_old

    def require_destination(
        self, server: Server, cell: Cell, host: str, too_old: Collection[str]
    ) -> None:
        """``cell`` is the server's; ``too_old``: see :meth:`require_able`.

        :raises Invalid: there is no such host in that cell, or the server is on it.
        :raises Conflict: its compute service is too old.
        """
        with self._api_database.read() as tx:
            known = host_mappings.find(tx, host)
        if known is None:
            raise Invalid(f"Compute host {host} could not be found.")
        if host == server.host:
            raise Invalid(
                f"Cannot migrate instance {server.uuid} to host {host}: it is there already."
            )
        if known.cell_id != cell.id:
            raise Invalid(
                f"Cannot migrate instance {server.uuid} to host {host}: it is in another cell, and servers never leave "
                "their cell."
            )
        if host in too_old:
            raise Conflict(
                f"Cannot migrate instance {server.uuid} to host {host}: its compute service is too old, and has to be "
                "upgraded first.",
                host=host,
            )
