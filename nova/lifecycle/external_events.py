"""Events of other services, handed down to the hosts of the servers that they are about."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from groundwork.context import RequestContext
from groundwork.database import Database, Transaction
from nova.cells.registry import Cell, Registry
from nova.cells.scatter import Down, Late, Scatter
from nova.db.api import instance_mappings
from nova.db.cell import server_migrations, servers
from nova.domain.external_event import EventName, ExternalEvent
from nova.lifecycle.host_messages import TakeExternalEvents
from nova.rpc.bus import Address, Bus
from nova.saga.messages import COMPUTE_TOPIC


class Outcome(Enum):
    """What became of an event here."""

    SENT = auto()
    #: There is no such server, or no longer.
    UNKNOWN_SERVER = auto()
    #: Nobody can do anything about it: the server is on no host.
    NO_HOST = auto()
    #: The server's cell does not answer, so its host is not known.
    SILENT_CELL = auto()


# They ask for something to be done to the guest, which is where the server is; all others may be waited for at either
# end of a move.
_FOR_GUESTS = frozenset(
    {
        EventName.VOLUME_EXTENDED.value,
        EventName.VOLUME_REIMAGED.value,
        EventName.POWER_UPDATE.value,
    }
)


@dataclass(frozen=True, slots=True)
class _Whereabouts:
    """Where a server is, and the hosts between which it moves."""

    host: str | None
    moving: frozenset[str]

    def hosts_for(self, event: ExternalEvent) -> list[str]:
        own = {self.host} if self.host else set()
        return sorted(own if event.name in _FOR_GUESTS else own | self.moving)


class ExternalEventDelivery:
    """Splits events by cell and host. One cast per host carries all of its events, in the order in which they came."""

    def __init__(
        self,
        *,
        api_database: Database,
        registry: Registry,
        scatter: Scatter,
        bus_of: Callable[[Cell], Bus],
    ) -> None:
        self._api_database = api_database
        self._registry = registry
        self._scatter = scatter
        self._bus_of = bus_of

    def deliver(
        self, context: RequestContext, events: Sequence[ExternalEvent]
    ) -> Sequence[Outcome]:
        """Send what can be sent; what became of each event, in their order.

        A cell that does not answer keeps no event from being sent in another.
        """
        uuids = {event.server_uuid for event in events}
        with self._api_database.read() as tx:
            cell_ids = instance_mappings.cell_ids_of(tx, uuids)
        known = self._look(cell_ids)

        outcomes: list[Outcome] = []
        orders: dict[tuple[Cell, str], list[ExternalEvent]] = {}
        for event in events:
            match known.get(event.server_uuid, Outcome.UNKNOWN_SERVER):
                case Outcome() as reason:
                    outcomes.append(reason)
                case (cell, whereabouts):
                    hosts = whereabouts.hosts_for(event)
                    for host in hosts:
                        orders.setdefault((cell, host), []).append(event)
                    outcomes.append(Outcome.SENT if hosts else Outcome.NO_HOST)
        for (cell, host), found in orders.items():
            self._bus_of(cell).cast(
                context,
                Address(COMPUTE_TOPIC, server=host),
                TakeExternalEvents(events=tuple(found)),
            )
        return outcomes

    def _look(
        self, cell_ids: Mapping[str, int | None]
    ) -> Mapping[str, tuple[Cell, _Whereabouts] | Outcome]:
        """Where each mapped server is, or why that cannot be told; servers that are gone are left out."""
        found: dict[str, tuple[Cell, _Whereabouts] | Outcome] = {
            uuid: Outcome.NO_HOST for uuid, cell_id in cell_ids.items() if cell_id is None
        }
        by_cell: dict[Cell, list[str]] = {}
        for uuid, cell_id in cell_ids.items():
            if cell_id is not None:
                by_cell.setdefault(self._registry.by_id(cell_id), []).append(uuid)
        # Each cell gets the same question; about servers of others it has nothing to say.
        mapped = [uuid for uuids in by_cell.values() for uuid in uuids]
        answers = self._scatter.ask(by_cell, lambda tx: _whereabouts(tx, mapped))
        for cell, answer in answers.items():
            for uuid in by_cell[cell]:
                if isinstance(answer, Late | Down):
                    found[uuid] = Outcome.SILENT_CELL
                elif uuid in answer:
                    found[uuid] = (cell, answer[uuid])
        return found


def _whereabouts(tx: Transaction, uuids: Iterable[str]) -> Mapping[str, _Whereabouts]:
    """Of the living ones among these servers."""
    wanted = list(uuids)
    hosts = servers.hosts_of(tx, wanted)
    moving = server_migrations.hosts_in_progress(tx, wanted)
    return {
        uuid: _Whereabouts(host or None, moving.get(uuid, frozenset()))
        for uuid, host in hosts.items()
        if host is not None
    }
