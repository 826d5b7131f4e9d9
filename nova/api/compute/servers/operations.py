"""``/servers``: create, list, show, delete."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from groundwork.errors import Problem, Unavailable
from groundwork.operations import Answer, Call, operation
from nova.api.compute.servers import schemas
from nova.api.compute.servers.create_request import CreateRequests
from nova.api.compute.servers.deletion import Deletion
from nova.api.compute.servers.host_status import HostStatuses
from nova.api.compute.servers.listing import Ask, ServerLists
from nova.api.compute.servers.lookup import find_server, require_in_sight
from nova.api.compute.servers.views import (
    ServerView,
    Showing,
    Sight,
    brief,
    unreachable,
    unreachable_alone,
    unreachable_in_detail,
)
from nova.api.encoding import encode_list
from nova.api.links import Links
from nova.cells.servers import Located, Page, Servers
from nova.cells.unreachable import UnreachableServers
from nova.db.cell.server_pages import ServerRow
from nova.lifecycle.accept import Intake

LOG = logging.getLogger(__name__)

_DOWN_CELLS_SHOWN = (2, 69)

# Servers of a page that is checked against its schema before it goes out. To check a thousand takes as long as to make
# and encode them, and tells no more of the view than what a hundred have told.
_CHECKED_AT_MOST = 100


class ServerOperations:
    """The resource."""

    def __init__(
        self,
        *,
        servers: Servers,
        unreachable_servers: UnreachableServers,
        requests: CreateRequests,
        intake: Intake,
        deletion: Deletion,
        lists: ServerLists,
        view: ServerView,
        links: Links,
        host_statuses: HostStatuses,
        enable_instance_password: bool = True,
        skip_down_cells: bool = True,
    ) -> None:
        self._servers = servers
        self.find_server = partial(find_server, servers)
        self._unreachable = unreachable_servers
        self._requests = requests
        self._intake = intake
        self._deletion = deletion
        self._lists = lists
        self._view = view
        self._links = links
        self._host_statuses = host_statuses
        self._passwords = enable_instance_password
        self._skip_down_cells = skip_down_cells

    @operation(
        "POST",
        "/servers",
        versions="2.1-",
        policy="os_compute_api:servers:create",
        soft_policies=(
            "os_compute_api:servers:create:forced_host",
            "compute:servers:create:requested_destination",
            "os_compute_api:servers:create:attach_network",
            "os_compute_api:servers:create:trusted_certs",
            "os_compute_api:servers:create:zero_disk_flavor",
        ),
        body=schemas.CREATE,
        response=schemas.ACCEPTED,
        success=202,
        errors=(400, 403, 409, 503),
    )
    def create(self, call: Call) -> Answer:
        """Create one or several servers."""
        request = self._requests.read(call)
        servers = self._intake.accept(call.context, request)
        body = call.body["server"]
        if str(body.get("return_reservation_id", "")).lower() in ("true", "1", "yes", "on"):
            return Answer({"reservation_id": request.template.reservation_id})
        first = servers[0]
        links = self._links.of(call.origin, "servers", first.uuid)
        shown: dict[str, Any] = {
            "id": first.uuid,
            "links": links,
            "OS-DCF:diskConfig": "AUTO" if first.auto_disk_config else "MANUAL",
            "security_groups": [{"name": name} for name in first.security_groups],
        }
        if self._passwords:
            shown["adminPass"] = request.admin_password
        return Answer({"server": shown}, headers={"Location": links[0]["href"]})

    @operation(
        "GET",
        "/servers",
        versions="2.1-",
        policy="os_compute_api:servers:index",
        soft_policies=(
            "os_compute_api:servers:index:get_all_tenants",
            "os_compute_api:servers:allow_all_filters",
        ),
        query=schemas.LIST_QUERY,
        response=schemas.LISTED,
        errors=(400, 403),
    )
    def index(self, call: Call) -> Answer:
        """List servers, briefly."""
        ask = self._lists.read(
            call, all_tenants_rule="os_compute_api:servers:index:get_all_tenants"
        )
        page = self._page(call, ask)
        hrefs = self._view.hrefs(call.origin)
        shown = [brief(hrefs, row.server) for row in page.rows]
        shown += self._missing(call, ask, page, detailed=False)
        return self._answer(call, ask, page, shown)

    @operation(
        "GET",
        "/servers/detail",
        versions="2.1-",
        policy="os_compute_api:servers:detail",
        soft_policies=(
            "os_compute_api:servers:detail:get_all_tenants",
            "os_compute_api:servers:allow_all_filters",
            "os_compute_api:os-extended-server-attributes",
            "os_compute_api:servers:show:host_status",
            "os_compute_api:servers:show:host_status:unknown-only",
            "os_compute_api:servers:show:flavor-extra-specs",
        ),
        query=schemas.LIST_QUERY,
        response=schemas.LISTED,
        errors=(400, 403),
    )
    def detail(self, call: Call) -> Answer:
        """List servers with all their fields."""
        ask = self._lists.read(
            call, all_tenants_rule="os_compute_api:servers:detail:get_all_tenants"
        )
        page = self._page(call, ask, with_hosts=self._host_statuses.are_told(call))
        shown = itertools.chain(
            self._show(call, page.rows), self._missing(call, ask, page, detailed=True)
        )
        return self._answer(call, ask, page, shown)

    @operation(
        "GET",
        "/servers/{id}",
        versions="2.1-",
        policy=None,
        soft_policies=(
            "os_compute_api:servers:show",
            "os_compute_api:os-extended-server-attributes",
            "os_compute_api:servers:show:host_status",
            "os_compute_api:servers:show:host_status:unknown-only",
            "os_compute_api:servers:show:flavor-extra-specs",
        ),
        query=schemas.SHOW_QUERY,
        response=schemas.SHOWN,
        errors=(400, 403, 404),
    )
    def show(self, call: Call) -> Answer:
        """Show a server."""
        rule = "os_compute_api:servers:show"
        try:
            located = self.find_server(call, with_host=self._host_statuses.are_told(call))
        except Unavailable:
            if call.version < _DOWN_CELLS_SHOWN:
                raise
            known = self._unreachable.find(call.path["id"])
            require_in_sight(call, known.uuid, project_id=known.project_id)
            call.authorize(rule, {"project_id": known.project_id, "user_id": known.user_id})
            return Answer({"server": unreachable_alone(self._links, call, known)})
        call.authorize(rule, {"project_id": located.project_id, "user_id": located.user_id})
        [shown] = self._show(call, [located.row], is_detail_of_one=True)
        return Answer({"server": shown})

    @operation(
        "DELETE",
        "/servers/{id}",
        versions="2.1-",
        policy="os_compute_api:servers:delete",
        success=204,
        errors=(403, 404, 409, 503),
        subject="find_server",
    )
    def delete(self, call: Call, located: Located) -> Answer:
        """Delete a server."""
        self._deletion.delete(call.context, located)
        return Answer()

    def _page(self, call: Call, ask: Ask, *, with_hosts: bool = False) -> Page:
        if ask.is_empty:
            return Page(())
        query = replace(ask.query, with_hosts=with_hosts)
        page = self._servers.page(query, project_id=ask.project_id, marker=ask.marker)
        if page.missing and call.version < _DOWN_CELLS_SHOWN and not self._skip_down_cells:
            names = ", ".join(cell.name for cell in page.missing)
            raise CellsMissing(f"These cells do not answer: {names}.")
        return page

    def _missing(self, call: Call, ask: Ask, page: Page, *, detailed: bool) -> list[dict[str, Any]]:
        """Servers of cells that do not answer, from 2.69 and only in plain lists."""
        if not page.missing or call.version < _DOWN_CELLS_SHOWN or not ask.is_plain:
            return []
        known = self._unreachable.of_cells(
            page.missing, ask.project_id, limit=ask.query.limit - len(page.rows)
        )
        show = unreachable_in_detail if detailed else unreachable
        return [show(self._links, call, each) for each in known]

    def _show(
        self, call: Call, rows: Sequence[ServerRow], *, is_detail_of_one: bool = False
    ) -> Iterator[dict[str, Any]]:
        sight = Sight(
            hrefs=self._view.hrefs(call.origin),
            extended=call.can("os_compute_api:os-extended-server-attributes"),
            with_extra_specs=call.can("os_compute_api:servers:show:flavor-extra-specs"),
            is_admin=bool(call.context.is_admin),
            is_detail_of_one=is_detail_of_one,
        )
        statuses = self._host_statuses.for_caller(call, rows)
        for row in rows:
            shown = Showing(row.server, row.fault, sight, statuses.get(row.server.uuid))
            yield self._view.show(call.version, shown)

    def _answer(self, call: Call, ask: Ask, page: Page, shown: Iterable[dict[str, Any]]) -> Answer:
        more: dict[str, Any] = {}
        if page.rows and len(page.rows) >= ask.query.limit:
            more["servers_links"] = self._links.following(call, marker=page.rows[-1].server.uuid)
        if len(page.rows) > _CHECKED_AT_MOST:
            return Answer(encode_list("servers", shown, more))
        return Answer({"servers": list(shown)} | more)


class CellsMissing(Problem):
    """A list is incomplete and the operator wants it to fail then ([api] list_records_by_skipping_down_cells)."""
