"""``/os-hypervisors``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from groundwork.database import Database
from groundwork.errors import Invalid, NotFound, NotSupported
from groundwork.operations import Answer, Call, operation
from groundwork.versions import Version
from nova.api.compute.hypervisors import schemas
from nova.api.compute.hypervisors.finding import Found, Nodes
from nova.api.compute.hypervisors.views import (
    HypervisorDetailView,
    HypervisorView,
    ShownHypervisor,
    UptimeView,
    statistics,
)
from nova.api.compute.services.operations import require_uuid
from nova.api.fields import as_boolean
from nova.api.links import Links
from nova.api.paging import Paging
from nova.cells.registry import Registry
from nova.cells.scatter import Scatter
from nova.db.cell.compute_nodes import NodeUsage
from nova.liveness import is_up

_PAGED = Version(2, 33)
_UUIDS = Version(2, 53)
_WITHOUT_USE = Version(2, 88)


class Hypervisors:
    """The hypervisors of every cell that answers."""

    def __init__(
        self,
        *,
        api_database: Database,
        registry: Registry,
        scatter: Scatter,
        paging: Paging,
        links: Links,
        service_down_time_s: int,
        instance_name_template: str,
        clock: Callable[[], datetime],
    ) -> None:
        """:param clock: the present, aware."""
        self._nodes = Nodes(api_database=api_database, registry=registry, scatter=scatter)
        self._paging = paging
        self._links = links
        self._service_down_time_s = service_down_time_s
        self._instance_name_template = instance_name_template
        self._clock = clock

    @operation(
        "GET",
        "/os-hypervisors",
        versions="2.1-",
        policy="os_compute_api:os-hypervisors:list",
        query=schemas.LIST_QUERY,
        response=schemas.LISTED,
        errors=(400, 403, 404),
    )
    def list(self, call: Call) -> Answer:
        """List hypervisors."""
        return self._list(call, HypervisorView(), used=False)

    @operation(
        "GET",
        "/os-hypervisors/detail",
        versions="2.1-",
        policy="os_compute_api:os-hypervisors:list-detail",
        query=schemas.LIST_QUERY,
        response=schemas.DETAILED,
        errors=(400, 403, 404),
    )
    def list_detail(self, call: Call) -> Answer:
        """List hypervisors with all that is known of them."""
        return self._list(call, HypervisorDetailView(), used=call.version < _WITHOUT_USE)

    @operation(
        "GET",
        "/os-hypervisors/statistics",
        versions="2.1-2.87",
        policy="os_compute_api:os-hypervisors:statistics",
        response=schemas.STATISTICS,
        errors=(403,),
    )
    def statistics(self, call: Call) -> Answer:
        """Show sums over all hypervisors."""
        found = self._nodes.all()
        shown = self._shown(found, used=True, with_servers=False)
        return Answer({"hypervisor_statistics": statistics((one.node, one.usage) for one in shown)})

    @operation(
        "GET",
        "/os-hypervisors/{id}",
        versions="2.1-",
        policy="os_compute_api:os-hypervisors:show",
        query=schemas.SHOW_QUERY,
        response=schemas.SHOWN,
        errors=(400, 403, 404, 503),
    )
    def show(self, call: Call) -> Answer:
        """Show a hypervisor."""
        shown = self._one(call, used=call.version < _WITHOUT_USE, with_servers=_with_servers(call))
        return Answer({"hypervisor": HypervisorDetailView().show(call.version, shown)})

    @operation(
        "GET",
        "/os-hypervisors/{id}/uptime",
        versions="2.1-2.87",
        policy="os_compute_api:os-hypervisors:uptime",
        response=schemas.UPTIME,
        errors=(400, 403, 404, 501, 503),
    )
    def uptime(self, call: Call) -> Answer:
        """Show how long a hypervisor has been running."""
        shown = self._one(call, used=False, with_servers=False)
        if not shown.is_up:
            raise Invalid(f"Compute service of {shown.node.host} is unavailable at this time.")
        if shown.node.uptime is None:
            raise NotSupported("The hypervisor does not tell its uptime.")
        return Answer({"hypervisor": UptimeView().show(call.version, shown)})

    @operation(
        "GET",
        "/os-hypervisors/{id}/search",
        versions="2.1-2.52",
        policy="os_compute_api:os-hypervisors:search",
        response=schemas.SEARCHED,
        errors=(403, 404),
    )
    def search(self, call: Call) -> Answer:
        """List hypervisors whose name holds a text."""
        found = self._matching(call.path["id"])
        return self._answer(call, HypervisorView(), found, used=False, with_servers=False)

    @operation(
        "GET",
        "/os-hypervisors/{id}/servers",
        versions="2.1-2.52",
        policy="os_compute_api:os-hypervisors:servers",
        response=schemas.WITH_SERVERS,
        errors=(403, 404),
    )
    def servers(self, call: Call) -> Answer:
        """List hypervisors whose name holds a text, with their servers."""
        found = self._matching(call.path["id"])
        return self._answer(call, HypervisorView(), found, used=False, with_servers=True)

    def _list(self, call: Call, view: HypervisorView, *, used: bool) -> Answer:
        with_servers = _with_servers(call)
        pattern = call.query.get("hypervisor_hostname_pattern")
        if pattern is not None and call.version >= _UUIDS:
            if "limit" in call.query or "marker" in call.query:
                raise Invalid("Paging over hypervisors with the pattern query is not supported.")
            found = self._matching(pattern)
            return self._answer(call, view, found, used=used, with_servers=with_servers)
        if call.version < _PAGED:
            found = self._nodes.all()
            return self._answer(call, view, found, used=used, with_servers=with_servers)
        page = self._paging.page(call.query)
        if call.version >= _UUIDS:
            if page.marker is not None:
                require_uuid(page.marker)
            found = self._nodes.page_by_uuid(page)
        else:
            found = self._nodes.page_by_number(page)
        answer = self._answer(call, view, found, used=used, with_servers=with_servers)
        if page.is_full(len(found)):
            node = found[-1].served.node
            marker = node.uuid if call.version >= _UUIDS else str(node.id)
            answer.body["hypervisors_links"] = self._links.following(call, marker=marker)
        return answer

    def _matching(self, text: str) -> Sequence[Found]:
        found = self._nodes.all(name_contains=text)
        if not found:
            raise NotFound(f"No hypervisor matching '{text}' could be found.")
        return found

    def _one(self, call: Call, *, used: bool, with_servers: bool) -> ShownHypervisor:
        """The hypervisor by its uuid, before 2.53 by its number."""
        text = call.path["id"]
        if call.version >= _UUIDS:
            require_uuid(text)
            found = self._nodes.by_uuid(text)
        else:
            found = self._nodes.by_number(text)
        shown = self._shown([found], used=used, with_servers=with_servers)
        if not shown:
            raise NotFound(f"Hypervisor with ID '{text}' could not be found.")
        return shown[0]

    def _answer(
        self,
        call: Call,
        view: HypervisorView,
        found: Sequence[Found],
        *,
        used: bool,
        with_servers: bool,
    ) -> Answer:
        shown = self._shown(found, used=used, with_servers=with_servers)
        body: dict[str, Any] = {"hypervisors": [view.show(call.version, one) for one in shown]}
        return Answer(body)

    def _shown(
        self, found: Sequence[Found], *, used: bool, with_servers: bool
    ) -> Sequence[ShownHypervisor]:
        """What is to be shown of each; what runs on them is looked up only where it is shown."""
        looked_up = used or with_servers
        use = self._nodes.use_of(found, with_servers=with_servers) if looked_up else {}
        now = self._clock()
        shown = []
        for one in found:
            node, service = one.served.node, one.served.service
            place = (node.host, node.hypervisor_hostname)
            of_cell = use.get(one.cell)
            if looked_up and of_cell is None:
                # Its cell fell silent in between: left out like those that were silent from the start.
                continue
            shown.append(
                ShownHypervisor(
                    node=node,
                    service=service,
                    is_up=is_up(service, now, self._service_down_time_s),
                    instance_name_template=self._instance_name_template,
                    usage=of_cell.usage.get(place, NodeUsage()) if of_cell else NodeUsage(),
                    servers=of_cell.servers.get(place, ()) if of_cell and with_servers else None,
                )
            )
        return shown


def _with_servers(call: Call) -> bool:
    return call.version >= _UUIDS and as_boolean(call.query.get("with_servers", False))
