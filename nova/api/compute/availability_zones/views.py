"""Availability zones on the wire."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nova.api.compute.services.views import time_text
from nova.db.cell.services import ServiceRow


@dataclass(frozen=True, slots=True)
class ZoneService:
    """A service in its zone."""

    service: ServiceRow
    is_up: bool


@dataclass(frozen=True, slots=True)
class Zone:
    """A zone and the services in it, also those that are disabled or down."""

    name: str
    services: Sequence[ZoneService]

    @property
    def is_available(self) -> bool:
        """Whether something in it takes work."""
        return any(one.is_up and not one.service.disabled for one in self.services)


def zone_view(zone: Zone) -> dict[str, Any]:
    """As everybody sees it: no hosts."""
    return {
        "zoneName": zone.name,
        "zoneState": {"available": zone.is_available},
        "hosts": None,
    }


def zone_detail_view(zone: Zone) -> dict[str, Any]:
    """With its hosts and their services; zones that are not available have ``null`` instead."""
    body = zone_view(zone)
    if zone.is_available:
        hosts: dict[str, dict[str, Any]] = {}
        for one in zone.services:
            hosts.setdefault(one.service.host, {})[one.service.binary] = {
                "available": one.is_up,
                "active": not one.service.disabled,
                "updated_at": time_text(one.service.updated_at),
            }
        body["hosts"] = hosts
    return body
