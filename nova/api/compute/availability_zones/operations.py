"""``/os-availability-zone``."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from groundwork.database import Database
from groundwork.operations import Answer, Call, operation
from nova.api.compute.availability_zones import schemas
from nova.api.compute.availability_zones.views import (
    Zone,
    ZoneService,
    zone_detail_view,
    zone_view,
)
from nova.api.compute.services.locating import ask
from nova.availability_zones import ZoneNames
from nova.cells.registry import Registry
from nova.cells.scatter import Line, Scatter
from nova.db.api import aggregates
from nova.db.cell import services
from nova.liveness import is_up


class AvailabilityZones:
    """The zones that aggregates make, the default zone and the internal one."""

    def __init__(
        self,
        *,
        registry: Registry,
        scatter: Scatter,
        api_database: Database,
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

    @operation(
        "GET",
        "/os-availability-zone",
        versions="2.1-",
        policy="os_compute_api:os-availability-zone:list",
        response=schemas.LISTED,
        errors=(403,),
    )
    def list(self, call: Call) -> Answer:
        """List availability zones."""
        zones = [zone for zone in self._zones() if zone.name != self._zone_names.internal]
        return Answer({"availabilityZoneInfo": [zone_view(zone) for zone in zones]})

    @operation(
        "GET",
        "/os-availability-zone/detail",
        versions="2.1-",
        policy="os_compute_api:os-availability-zone:detail",
        response=schemas.DETAILED,
        errors=(403,),
    )
    def list_detail(self, call: Call) -> Answer:
        """List availability zones with their hosts and services, the internal zone too."""
        return Answer({"availabilityZoneInfo": [zone_detail_view(zone) for zone in self._zones()]})

    def _zones(self) -> tuple[Zone, ...]:
        """All zones, the internal one first, then by name; hosts of silent cells are left out."""
        with self._api_database.read() as tx:
            zones_of_hosts = aggregates.zones_of_hosts(tx)
            names = aggregates.zone_names(tx)
        names_of = self._zone_names
        found: dict[str, list[ZoneService]] = {name: [] for name in sorted(names)}
        found.setdefault(names_of.default, [])
        found.setdefault(names_of.internal, [])
        now = self._clock()
        answers = ask(self._scatter, self._registry.all(), services.list_services, line=Line.LISTS)
        for rows in answers.told.values():
            for service in rows:
                zone = names_of.of_service(service.host, service.binary, zones_of_hosts)
                up = is_up(service, now, self._service_down_time_s)
                found.setdefault(zone, []).append(ZoneService(service, up))
        order = sorted(found, key=lambda name: (name != names_of.internal, name))
        return tuple(Zone(name, found[name]) for name in order)
