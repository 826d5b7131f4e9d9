"""Services on the wire."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from nova.api.changes import View, changed_in
from nova.db.cell.services import COMPUTE, ServiceRow


@dataclass(frozen=True, slots=True)
class ShownService:
    """A service with what its row alone does not tell."""

    service: ServiceRow
    zone: str
    is_up: bool


class ServiceView(View[ShownService]):
    """A whole service, as in the list and (since 2.53) after a change."""

    def start(self, shown: ShownService) -> dict[str, Any]:
        """As of 2.1."""
        service = shown.service
        return {
            "id": service.id,
            "binary": service.binary,
            "host": service.host,
            "zone": shown.zone,
            "status": status_of(service),
            "state": state_of(shown.is_up),
            "updated_at": time_text(service.updated_at),
            "disabled_reason": service.disabled_reason,
        }

    @changed_in("2.11")
    def _forced_down(self, body: dict[str, Any], shown: ShownService) -> None:
        body["forced_down"] = shown.service.forced_down

    @changed_in("2.53")
    def _uuid(self, body: dict[str, Any], shown: ShownService) -> None:
        body["id"] = shown.service.uuid


def unknown_service(host: str) -> dict[str, Any]:
    """What is told since 2.69 of the compute service of a host whose cell does not answer."""
    return {"binary": COMPUTE, "host": host, "status": "UNKNOWN"}


def status_of(service: ServiceRow) -> str:
    """``enabled`` or ``disabled``."""
    return "disabled" if service.disabled else "enabled"


def state_of(is_up: bool) -> str:
    """``up`` or ``down``."""
    return "up" if is_up else "down"


def time_text(time: datetime | None) -> str | None:
    """A time as everywhere but on servers: microseconds, no zone."""
    return None if time is None else time.strftime("%Y-%m-%dT%H:%M:%S.%f")
