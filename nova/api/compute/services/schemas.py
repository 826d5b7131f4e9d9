"""Services: what requests and answers look like, by version."""

from __future__ import annotations

from typing import Any

from groundwork.operations import Schema
from groundwork.versions import ByVersion, by_version
from nova.api.fields import BOOLEAN, TEXTS, lax, strict, wrapped

_QUERY = {"host": TEXTS, "binary": TEXTS}
LIST_QUERY: ByVersion[Schema] = by_version({"2.1": lax(_QUERY), "2.75": strict(_QUERY)})

HOST_NAME = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": r"^[a-zA-Z0-9-._]*$"}
_REASON = {"type": "string", "minLength": 1, "maxLength": 255}
_BY_VERB: dict[str, Any] = {
    "host": HOST_NAME,
    "binary": {"type": "string", "minLength": 1, "maxLength": 255},
    "disabled_reason": _REASON,
}
UPDATE_BY_VERB: ByVersion[Schema] = by_version(
    {
        "2.1": strict(_BY_VERB, required=("host", "binary")),
        "2.11": strict({**_BY_VERB, "forced_down": BOOLEAN}, required=("host", "binary")),
    }
)
UPDATE = strict(
    {
        "status": {"type": "string", "enum": ["enabled", "disabled"]},
        "disabled_reason": _REASON,
        "forced_down": BOOLEAN,
    }
)

TIME = {"type": ["string", "null"], "format": "date-time"}
UUID = {"type": "string", "format": "uuid"}
STATUS = {"type": "string", "enum": ["enabled", "disabled"]}
STATE = {"type": "string", "enum": ["up", "down"]}
_TEXT = {"type": "string"}
_OPTIONAL_TEXT = {"type": ["string", "null"]}

_V2_1: dict[str, Any] = {
    "id": {"type": "integer"},
    "binary": _TEXT,
    "host": _TEXT,
    "zone": _TEXT,
    "status": STATUS,
    "state": STATE,
    "updated_at": TIME,
    "disabled_reason": _OPTIONAL_TEXT,
}
_V2_11 = {**_V2_1, "forced_down": {"type": "boolean"}}
_V2_53 = {**_V2_11, "id": UUID}
_UNKNOWN = {"binary": _TEXT, "host": _TEXT, "status": {"const": "UNKNOWN"}}


def _whole(fields: dict[str, Any]) -> Schema:
    return strict(fields, required=tuple(fields))


def _listed(item: Schema) -> Schema:
    return wrapped("services", {"type": "array", "items": item})


LISTED: ByVersion[Schema] = by_version(
    {
        "2.1": _listed(_whole(_V2_1)),
        "2.11": _listed(_whole(_V2_11)),
        "2.53": _listed(_whole(_V2_53)),
        "2.69": _listed({"anyOf": [_whole(_V2_53), _whole(_UNKNOWN)]}),
    }
)
CHANGED_BY_VERB = wrapped(
    "service",
    strict(
        {
            "host": _TEXT,
            "binary": _TEXT,
            "status": STATUS,
            "disabled_reason": _TEXT,
            "forced_down": {"type": "boolean"},
        },
        required=("host", "binary"),
    ),
)
CHANGED = wrapped("service", _whole(_V2_53))
