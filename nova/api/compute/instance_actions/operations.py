"""``/servers/{server_id}/os-instance-actions``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

from groundwork.database import Database, Transaction
from groundwork.errors import Invalid, NotFound, Problem, Unavailable
from groundwork.operations import Answer, Call, operation
from groundwork.versions import Version
from nova.api.compute.instance_actions import schemas
from nova.api.compute.instance_actions.views import ActionView, EventView, ShownEvent
from nova.api.links import Links
from nova.api.paging import Paging
from nova.api.times import changes_of
from nova.cells.registry import Registry
from nova.cells.scatter import Down, Late, Scatter
from nova.db.api import instance_mappings
from nova.db.api.build_actions import BUILDS
from nova.db.cell import actions
from nova.db.cell.actions import CELL, ActionQuery, ActionRow, EventRow, Journal
from nova.domain.server import Server
from nova.errors import ServerNotFound

T = TypeVar("T")

_DELETED_TOO = Version(2, 21)
_EVENTS_FOR_ALL = Version(2, 51)
_PAGED = Version(2, 58)

_EVENTS = "os_compute_api:os-instance-actions:events"
_DETAILS = "os_compute_api:os-instance-actions:events:details"


class Servers(Protocol):
    """Who finds the server that a request names."""

    def find(self, call: Call) -> Server:
        """The server ``call.path["server_id"]``, deleted ones too as long as there is a record of them.

        :raises ServerNotFound: there is none.
        """


class InstanceActions:
    """What was done to a server, by whom, and how far it got."""

    def __init__(
        self,
        *,
        servers: Servers,
        api_database: Database,
        registry: Registry,
        scatter: Scatter,
        paging: Paging,
        links: Links,
    ) -> None:
        self._servers = servers
        self._api_database = api_database
        self._registry = registry
        self._scatter = scatter
        self._paging = paging
        self._links = links

    def find_server(self, call: Call) -> Server:
        """The subject of every operation here; deleted servers only since 2.21."""
        server = self._servers.find(call)
        if server.is_deleted and call.version < _DELETED_TOO:
            raise ServerNotFound(f"Instance {server.uuid} could not be found.", server=server.uuid)
        return server

    @operation(
        "GET",
        "/servers/{server_id}/os-instance-actions",
        versions="2.1-",
        policy="os_compute_api:os-instance-actions:list",
        subject="find_server",
        query=schemas.LIST_QUERY,
        response=schemas.LISTED,
        errors=(400, 403, 404, 503),
    )
    def list(self, call: Call, server: Server) -> Answer:
        """List the actions on a server, newest first."""
        if call.version < _PAGED:
            return _listed(call, self._page(server, ActionQuery()))
        page = self._paging.page(call.query)
        since, before = changes_of(call.query)
        query = ActionQuery(
            limit=page.limit, marker=page.marker, changes_since=since, changes_before=before
        )
        found = self._page(server, query)
        answer = _listed(call, found)
        if page.is_full(len(found)):
            answer.body["links"] = self._links.following(call, marker=found[-1].request_id)
        return answer

    @operation(
        "GET",
        "/servers/{server_id}/os-instance-actions/{id}",
        versions="2.1-",
        policy="os_compute_api:os-instance-actions:show",
        soft_policies=(_EVENTS, _DETAILS),
        subject="find_server",
        response=schemas.SHOWN,
        errors=(400, 403, 404, 503),
    )
    def show(self, call: Call, server: Server) -> Answer:
        """Show an action on a server with its events."""
        request_id = call.path["id"]

        def query(
            tx: Transaction, journal: Journal
        ) -> tuple[ActionRow, tuple[EventRow, ...]] | None:
            action = actions.find(tx, server.uuid, request_id, journal=journal)
            if action is None:
                return None
            return action, actions.events(tx, action.id, journal=journal)

        found = self._ask_journal(server, query)
        if found is None:
            raise NotFound(
                f"Action for request_id {request_id} on instance {server.uuid} not found"
            )
        action, events = found
        target = {"project_id": server.project_id, "user_id": server.user_id}
        shows_all = call.can(_EVENTS, target)
        body = ActionView().show(call.version, action)
        if shows_all or call.version >= _EVENTS_FOR_ALL:
            shows_details = call.can(_DETAILS, target)
            body["events"] = [
                EventView().show(
                    call.version,
                    ShownEvent(event, server.project_id, shows_all, shows_all, shows_details),
                )
                for event in events
            ]
        return Answer({"instanceAction": body})

    def _page(self, server: Server, query: ActionQuery) -> Sequence[ActionRow]:
        def read(tx: Transaction, journal: Journal) -> tuple[ActionRow, ...] | Invalid:
            # A bad marker travels as a value: what a question to a cell raises counts as the cell's failure.
            try:
                return actions.page(tx, server.uuid, query, journal=journal)
            except Invalid as bad_marker:
                return bad_marker

        found = self._ask_journal(server, read)
        if isinstance(found, Problem):
            raise found
        return found

    def _ask_journal(self, server: Server, query: Callable[[Transaction, Journal], T]) -> T:
        """Ask the journal where the server is now: its cell's, or the build request's before it has a cell.

        :raises Unavailable: the cell does not answer.
        """
        for _ in range(2):
            with self._api_database.read() as tx:
                place = instance_mappings.find(tx, server.uuid)
                if place is None:
                    raise ServerNotFound(
                        f"Instance {server.uuid} could not be found.", server=server.uuid
                    )
                if place.cell_id is not None:
                    break
                found = query(tx, BUILDS)
            # Nothing there: perhaps it got its cell between the two questions, so look again.
            if found:
                return found
        else:
            return found
        cell = self._registry.by_id(place.cell_id)
        answer = self._scatter.ask([cell], lambda tx: query(tx, CELL))[cell]
        if isinstance(answer, Late | Down):
            raise Unavailable(
                f"The cell of instance {server.uuid} does not answer now.",
                internal=f"cell {cell.uuid}",
            )
        return answer


def _listed(call: Call, found: Sequence[ActionRow]) -> Answer:
    view = ActionView()
    body: dict[str, Any] = {"instanceActions": [view.show(call.version, row) for row in found]}
    return Answer(body)
