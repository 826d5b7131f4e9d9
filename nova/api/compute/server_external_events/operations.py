"""``/os-server-external-events``."""

from __future__ import annotations

import uuid
from typing import Any

from groundwork.operations import Answer, Call, operation
from nova.api.compute.server_external_events import schemas
from nova.domain.external_event import (
    POWER_OFF,
    POWER_ON,
    EventName,
    EventStatus,
    ExternalEvent,
)
from nova.lifecycle.external_events import ExternalEventDelivery, Outcome

_NEED_TAG = frozenset(
    {
        EventName.VOLUME_EXTENDED.value,
        EventName.VOLUME_REIMAGED.value,
        EventName.POWER_UPDATE.value,
        EventName.ACCELERATOR_REQUEST_BOUND.value,
    }
)
_BAD_TAG = 400
_CODES = {
    Outcome.SENT: 200,
    Outcome.UNKNOWN_SERVER: 404,
    Outcome.NO_HOST: 422,
    # The API has no code for this. Not 404: senders would forget a server that is only out of sight.
    Outcome.SILENT_CELL: 422,
}


class ServerExternalEvents:
    """Takes events of other services."""

    def __init__(self, *, delivery: ExternalEventDelivery) -> None:
        self._delivery = delivery

    @operation(
        "POST",
        "/os-server-external-events",
        versions="2.1-",
        policy="os_compute_api:os-server-external-events:create",
        body=schemas.CREATE,
        response=schemas.CREATED,
        errors=(400, 403),
    )
    def create(self, call: Call) -> Answer:
        """Tell of events in other services that concern servers."""
        shown: list[dict[str, Any]] = [
            {"status": EventStatus.COMPLETED.value, **given} for given in call.body["events"]
        ]
        sensible = [event for event in shown if _has_sense(event)]
        outcomes = iter(
            self._delivery.deliver(call.context, [_event_of(event) for event in sensible])
        )
        for event in shown:
            event["code"] = _CODES[next(outcomes)] if _has_sense(event) else _BAD_TAG
        has_failed = False
        for event in shown:
            if event["code"] != 200:
                event["status"] = EventStatus.FAILED.value
                has_failed = True
        return Answer({"events": shown}, status=207 if has_failed else 200)


def _has_sense(event: dict[str, Any]) -> bool:
    """Whether the event says what it is about, where it has to."""
    tag = event.get("tag")
    if event["name"] == EventName.POWER_UPDATE:
        return tag in (POWER_ON, POWER_OFF)
    return bool(tag) or event["name"] not in _NEED_TAG


def _event_of(event: dict[str, Any]) -> ExternalEvent:
    return ExternalEvent(
        # Senders may write it with capitals or without dashes.
        server_uuid=str(uuid.UUID(event["server_uuid"])),
        name=event["name"],
        status=event["status"],
        tag=event.get("tag"),
    )
