"""Instance actions: what queries and answers look like, by version."""

from __future__ import annotations

from typing import Any

from groundwork.operations import Schema
from groundwork.versions import ByVersion, by_version
from nova.api.compute.services.schemas import TIME, UUID
from nova.api.fields import ANY_QUERY, COUNT, TEXTS, strict, wrapped

_TIMES = {"type": "array", "items": {"type": "string", "format": "date-time"}, "maxItems": 1}
_PAGE = {"limit": COUNT, "marker": {**TEXTS, "maxItems": 1}, "changes-since": _TIMES}
LIST_QUERY: ByVersion[Schema] = by_version(
    {
        "2.1": ANY_QUERY,
        "2.58": strict(_PAGE),
        "2.66": strict({**_PAGE, "changes-before": _TIMES}),
    }
)

_TEXT = {"type": "string"}
_OPTIONAL_TEXT = {"type": ["string", "null"]}
_LINKS = {
    "type": "array",
    "minItems": 1,
    "maxItems": 1,
    "items": strict({"rel": {"const": "next"}, "href": _TEXT}, required=("rel", "href")),
}
_ACTION: dict[str, Any] = {
    "action": _TEXT,
    "instance_uuid": UUID,
    "message": _OPTIONAL_TEXT,
    "project_id": _OPTIONAL_TEXT,
    "request_id": _TEXT,
    "start_time": {"type": "string", "format": "date-time"},
    "user_id": _OPTIONAL_TEXT,
}
_ACTION_2_58 = {**_ACTION, "updated_at": TIME}


def _listed(fields: dict[str, Any], **more: Any) -> Schema:
    items = {"type": "array", "items": strict(fields, required=tuple(fields))}
    return strict({"instanceActions": items, **more}, required=("instanceActions",))


LISTED: ByVersion[Schema] = by_version(
    {"2.1": _listed(_ACTION), "2.58": _listed(_ACTION_2_58, links=_LINKS)}
)

_EVENT: dict[str, Any] = {
    "event": _TEXT,
    "start_time": {"type": "string", "format": "date-time"},
    "finish_time": TIME,
    "result": _OPTIONAL_TEXT,
}
_TRACEBACK = {"traceback": _OPTIONAL_TEXT}
_EVENT_2_62 = {**_EVENT, "hostId": _TEXT}


def _shown(
    action: dict[str, Any],
    event: dict[str, Any],
    *,
    optional: dict[str, Any],
    always: bool = True,
) -> Schema:
    """``optional`` are the parts of an event that a rule may hide; ``always`` that no rule hides the events."""
    events = {"type": "array", "items": strict({**event, **optional}, required=tuple(event))}
    required = (*action, "events") if always else tuple(action)
    return wrapped("instanceAction", strict({**action, "events": events}, required=required))


SHOWN: ByVersion[Schema] = by_version(
    {
        "2.1": _shown(_ACTION, _EVENT, optional=_TRACEBACK, always=False),
        "2.51": _shown(_ACTION, _EVENT, optional=_TRACEBACK),
        "2.58": _shown(_ACTION_2_58, _EVENT, optional=_TRACEBACK),
        "2.62": _shown(_ACTION_2_58, _EVENT_2_62, optional={**_TRACEBACK, "host": _OPTIONAL_TEXT}),
        "2.84": _shown(
            _ACTION_2_58,
            _EVENT_2_62,
            optional={**_TRACEBACK, "host": _OPTIONAL_TEXT, "details": _OPTIONAL_TEXT},
        ),
    }
)
