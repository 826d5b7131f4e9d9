"""Whether a service is alive, told from the row in which it reports."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Protocol


class Reporting(Protocol):
    """What a service row must hold for this."""

    @property
    def last_seen_up(self) -> datetime | None: ...

    @property
    def forced_down(self) -> bool: ...


def is_up(service: Reporting, now: datetime, service_down_time_s: int) -> bool:
    """Whether the service reported within ``service_down_time_s`` and no operator said that it is down.

    A report from the future counts by its distance as well: a host whose clock ran ahead would otherwise seem alive
    for that long after its death.
    """
    return not service.forced_down and has_reported(service.last_seen_up, now, service_down_time_s)


def has_reported(last_seen_up: datetime | None, now: datetime, service_down_time_s: int) -> bool:
    """The same, whatever operators say."""
    if last_seen_up is None:
        return False
    return abs(now - last_seen_up) <= timedelta(seconds=service_down_time_s)
