"""External events: what requests and answers look like, by version."""

from __future__ import annotations

from typing import Any

from groundwork.operations import Schema
from groundwork.versions import ByVersion, by_version
from nova.api.compute.services.schemas import UUID
from nova.api.fields import strict, wrapped
from nova.domain.external_event import EventName, EventStatus

_V2_1 = (
    EventName.NETWORK_CHANGED,
    EventName.NETWORK_VIF_PLUGGED,
    EventName.NETWORK_VIF_UNPLUGGED,
    EventName.NETWORK_VIF_DELETED,
)
_V2_51 = (*_V2_1, EventName.VOLUME_EXTENDED)
_V2_76 = (*_V2_51, EventName.POWER_UPDATE)
_V2_82 = (*_V2_76, EventName.ACCELERATOR_REQUEST_BOUND)
_V2_93 = (*_V2_82, EventName.VOLUME_REIMAGED)
_NAMES = {"2.1": _V2_1, "2.51": _V2_51, "2.76": _V2_76, "2.82": _V2_82, "2.93": _V2_93}


def _event(names: tuple[EventName, ...]) -> dict[str, Any]:
    return {
        "name": {"type": "string", "enum": [name.value for name in names]},
        "server_uuid": UUID,
        "status": {"type": "string", "enum": [status.value for status in EventStatus]},
        "tag": {"type": "string", "maxLength": 255},
    }


def _events(item: Schema) -> Schema:
    return wrapped("events", {"type": "array", "minItems": 1, "items": item})


CREATE: ByVersion[Schema] = by_version(
    {
        since: _events(strict(_event(names), required=("name", "server_uuid")))
        for since, names in _NAMES.items()
    }
)
CREATED: ByVersion[Schema] = by_version(
    {
        since: _events(
            strict(
                {**_event(names), "code": {"type": "integer", "enum": [200, 400, 404, 422]}},
                required=("name", "server_uuid", "status", "code"),
            )
        )
        for since, names in _NAMES.items()
    }
)
