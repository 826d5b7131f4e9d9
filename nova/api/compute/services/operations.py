"""``/os-services``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from oslo_utils import uuidutils

from groundwork.database import Database, Transaction
from groundwork.errors import Invalid, NotFound
from groundwork.operations import Answer, Call, operation
from groundwork.versions import Version
from nova.api.compute.services import schemas
from nova.api.compute.services.changing import Change, ServiceChanges
from nova.api.compute.services.locating import ask, only
from nova.api.compute.services.removal import ServiceRemoval
from nova.api.compute.services.views import ServiceView, ShownService, unknown_service
from nova.api.fields import as_boolean
from nova.availability_zones import ZoneNames
from nova.cells.registry import Cell, Registry
from nova.cells.scatter import Line, Scatter
from nova.cells.target import Targets
from nova.clients.placement import Placement
from nova.db.api import aggregates, host_mappings
from nova.db.cell import services
from nova.db.cell.services import COMPUTE, ServiceRow
from nova.liveness import is_up

_UUIDS = Version(2, 53)
_PARTIAL_ROWS = Version(2, 69)
_FORCED_DOWN = Version(2, 11)

# They answer the requests, so their rows would tell nothing.
_LEFT_OUT = frozenset({"nova-osapi_compute", "nova-metadata"})


class Services:
    """The services of every cell, and of the level above (their rows are in cell0)."""

    def __init__(
        self,
        *,
        registry: Registry,
        scatter: Scatter,
        targets: Targets,
        api_database: Database,
        placement: Placement,
        zone_names: ZoneNames,
        service_down_time_s: int,
        clock: Callable[[], datetime],
    ) -> None:
        """:param clock: the present, aware."""
        self._registry = registry
        self._scatter = scatter
        self._api_database = api_database
        self._zone_names = zone_names
        self._service_down_time_s = service_down_time_s
        self._clock = clock
        self._changes = ServiceChanges(targets=targets, placement=placement, clock=clock)
        self._removal = ServiceRemoval(
            api_database=api_database, targets=targets, placement=placement
        )
        self._view = ServiceView()

    @operation(
        "GET",
        "/os-services",
        versions="2.1-",
        policy="os_compute_api:os-services:list",
        query=schemas.LIST_QUERY,
        response=schemas.LISTED,
        errors=(400, 403),
    )
    def list(self, call: Call) -> Answer:
        """List services."""
        host, binary = call.query.get("host"), call.query.get("binary")
        answers = ask(
            self._scatter,
            self._registry.all(),
            lambda tx: services.list_services(tx, host=host, binary=binary),
            line=Line.LISTS,
        )
        zones = self._zones()
        shown = [
            self._view.show(call.version, self._shown(service, zones))
            for found in answers.told.values()
            for service in found
            if service.binary not in _LEFT_OUT
        ]
        if call.version >= _PARTIAL_ROWS and binary in (None, COMPUTE):
            shown += [
                unknown_service(silent)
                for silent in self._hosts_of(answers.silent)
                if host in (None, silent)
            ]
        return Answer({"services": shown})

    @operation(
        "PUT",
        "/os-services/{id}",
        versions="2.1-2.52",
        policy="os_compute_api:os-services:update",
        body=schemas.UPDATE_BY_VERB,
        response=schemas.CHANGED_BY_VERB,
        errors=(400, 403, 404, 503),
    )
    def update_by_verb(self, call: Call) -> Answer:
        """Enable, disable or force down the service of a host."""
        host, binary = call.body["host"], call.body["binary"]
        change, told = _by_verb(call)
        if binary != COMPUTE:
            raise _only_compute(binary)
        answers = ask(
            self._scatter, self._registry.real(), lambda tx: services.find(tx, host, binary)
        )
        cell, service = only(answers, name=f"Service {binary} on host {host}", unique=True)
        self._changes.apply(call.context, cell, service, change)
        return Answer({"service": {"host": host, "binary": binary, **told}})

    @operation(
        "PUT",
        "/os-services/{id}",
        versions="2.53-",
        policy="os_compute_api:os-services:update",
        body=schemas.UPDATE,
        response=schemas.CHANGED,
        errors=(400, 403, 404, 503),
    )
    def update(self, call: Call) -> Answer:
        """Enable, disable or force down a compute service."""
        change = _change(call.body)
        cell, service = self._find(call)
        if service.binary != COMPUTE:
            raise _only_compute(service.binary)
        changed = self._changes.apply(call.context, cell, service, change)
        shown = self._shown(changed, self._zones())
        return Answer({"service": self._view.show(call.version, shown)})

    @operation(
        "DELETE",
        "/os-services/{id}",
        versions="2.1-",
        policy="os_compute_api:os-services:delete",
        success=204,
        errors=(400, 403, 404, 409, 503),
    )
    def delete(self, call: Call) -> Answer:
        """Delete a service; a compute service with its nodes, its providers and the mapping of its host."""
        cell, service = self._find(call)
        self._removal.remove(call.context, cell, service)
        return Answer()

    def _find(self, call: Call) -> tuple[Cell, ServiceRow]:
        """The service by its uuid, before 2.53 by its number."""
        text = call.path["id"]
        query: Callable[[Transaction], ServiceRow | None]
        if call.version >= _UUIDS:
            require_uuid(text)
            query = lambda tx: services.find_by_uuid(tx, text)
        else:
            number = number_of(text)
            query = lambda tx: services.find_by_id(tx, number)
        answers = ask(self._scatter, self._registry.all(), query)
        return only(answers, name=f"Service {text}", unique=call.version >= _UUIDS)

    def _shown(self, service: ServiceRow, zones: Mapping[str, str]) -> ShownService:
        return ShownService(
            service=service,
            zone=self._zone_names.of_service(service.host, service.binary, zones),
            is_up=is_up(service, self._clock(), self._service_down_time_s),
        )

    def _zones(self) -> Mapping[str, str]:
        with self._api_database.read() as tx:
            return aggregates.zones_of_hosts(tx)

    def _hosts_of(self, cells: tuple[Cell, ...]) -> tuple[str, ...]:
        if not cells:
            return ()
        with self._api_database.read() as tx:
            found = host_mappings.list_mappings(tx, cell_ids=[cell.id for cell in cells])
        return tuple(mapping.host for mapping in found)


def require_uuid(text: str) -> None:
    """:raises Invalid: it is none."""
    if not uuidutils.is_uuid_like(text):
        raise Invalid(f"Invalid uuid {text}")


def number_of(text: str) -> int:
    """The number of a thing before 2.53. :raises Invalid: it is none, or larger than any."""
    if not (text.isascii() and text.isdigit()) or len(text) > 18:
        raise Invalid(f"Invalid id {text}: it must be a number.")
    return int(text)


def _by_verb(call: Call) -> tuple[Change, dict[str, Any]]:
    """What a verb of the path asks for, and what is told of it afterwards."""
    reason = call.body.get("disabled_reason")
    match call.path["id"]:
        case "enable":
            return Change(disabled=False), {"status": "enabled"}
        case "disable":
            return Change(disabled=True), {"status": "disabled"}
        case "disable-log-reason":
            if reason is None:
                raise Invalid("Missing disabled reason field")
            told = {"status": "disabled", "disabled_reason": reason}
            return Change(disabled=True, reason=reason), told
        case "force-down" if call.version >= _FORCED_DOWN:
            if "forced_down" not in call.body:
                raise Invalid("Missing forced_down field")
            down = as_boolean(call.body["forced_down"])
            return Change(forced_down=down), {"forced_down": down}
    raise NotFound("Unknown action")


def _change(body: Mapping[str, Any]) -> Change:
    """What a body of 2.53 asks for. :raises Invalid: nothing, or a reason without ``disabled``."""
    status = body.get("status")
    if status is None and "forced_down" not in body:
        raise Invalid(
            "No updates were requested. Fields 'status' or 'forced_down' should be specified."
        )
    if "disabled_reason" in body and status != "disabled":
        raise Invalid("Specifying 'disabled_reason' is valid only when 'status' is 'disabled'.")
    return Change(
        disabled=None if status is None else status == "disabled",
        reason=body.get("disabled_reason"),
        forced_down=as_boolean(body["forced_down"]) if "forced_down" in body else None,
    )


def _only_compute(binary: str) -> Invalid:
    return Invalid(
        f"Updating a {binary} service is not supported. Only {COMPUTE} services can be updated."
    )
