"""Usage of projects on the wire; the same in every version."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from nova.api.compute.services.views import time_text
from nova.db.cell.usage import ServerUsage


@dataclass(frozen=True, slots=True)
class Period:
    """From when to when, and the present."""

    start: datetime
    end: datetime
    now: datetime


def usage_of_project(
    project_id: str, servers: Iterable[ServerUsage], period: Period, *, with_servers: bool
) -> dict[str, Any]:
    """The sums over servers of one project, each weighed with the hours that it was there."""
    totals = {"hours": 0.0, "vcpus_usage": 0.0, "memory_mb_usage": 0.0, "local_gb_usage": 0.0}
    shown = []
    for server in servers:
        hours = _hours(server, period)
        totals["hours"] += hours
        totals["vcpus_usage"] += server.vcpus * hours
        totals["memory_mb_usage"] += server.memory_mb * hours
        totals["local_gb_usage"] += server.disk_gb * hours
        shown.append(_server(server, hours, period.now))
    body: dict[str, Any] = {
        "tenant_id": project_id,
        "start": time_text(period.start),
        "stop": time_text(period.end),
        **{f"total_{name}": amount for name, amount in totals.items()},
    }
    if with_servers:
        body["server_usages"] = shown
    return body


def _hours(server: ServerUsage, period: Period) -> float:
    """How long the server was there within the period, as far as that has passed.

    Clients ask for periods that end tomorrow, so that they see today's whole usage.
    """
    begin = max(server.launched_at, period.start)
    end = min(server.ended_at or period.now, period.end, period.now)
    return max(0.0, (end - begin).total_seconds()) / 3600


def _server(server: ServerUsage, hours: float, now: datetime) -> dict[str, Any]:
    age = (server.ended_at or now) - server.launched_at
    return {
        "instance_id": server.uuid,
        "name": server.name,
        "tenant_id": server.project_id,
        "flavor": server.flavor_name,
        "vcpus": server.vcpus,
        "memory_mb": server.memory_mb,
        "local_gb": server.disk_gb,
        "hours": hours,
        "started_at": time_text(server.launched_at),
        "ended_at": time_text(server.ended_at),
        "state": "terminated" if server.ended_at else server.vm_state,
        # Clocks of hosts may be a little ahead of ours.
        "uptime": max(0, int(age.total_seconds())),
    }
