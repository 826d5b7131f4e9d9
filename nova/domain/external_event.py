"""Something that happened to a server's port, volume or accelerator in the service that owns it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class EventName(StrEnum):
    """Which events other services may tell of; what ``tag`` holds stands beside each."""

    NETWORK_CHANGED = "network-changed"  # a port, or nothing
    NETWORK_VIF_PLUGGED = "network-vif-plugged"  # a port
    NETWORK_VIF_UNPLUGGED = "network-vif-unplugged"  # a port
    NETWORK_VIF_DELETED = "network-vif-deleted"  # a port
    VOLUME_EXTENDED = "volume-extended"  # a volume
    VOLUME_REIMAGED = "volume-reimaged"  # a volume
    POWER_UPDATE = "power-update"  # POWER_ON or POWER_OFF
    ACCELERATOR_REQUEST_BOUND = "accelerator-request-bound"  # an accelerator request


class EventStatus(StrEnum):
    """What became of it."""

    COMPLETED = "completed"
    FAILED = "failed"
    IN_PROGRESS = "in-progress"


POWER_ON = "POWER_ON"
POWER_OFF = "POWER_OFF"


@dataclass(frozen=True, slots=True)
class ExternalEvent:
    """One event. It crosses buses, so names and states are texts: an older receiver could not read a new enum member,
    nor the other events of the same message.
    """

    server_uuid: str
    name: str
    status: str = EventStatus.COMPLETED.value
    tag: str | None = None
