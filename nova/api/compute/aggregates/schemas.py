"""Requests and answers of aggregates."""

from __future__ import annotations

from typing import Any

from groundwork.versions import by_version
from nova.api.fields import NAME, Schema, strict, wrapped

# ---- requests

#: No ":", because ``zone:host`` is split there.
_ZONE = {**NAME, "pattern": "^[^:]*$"}
_ZONE_OR_NULL = {"anyOf": [_ZONE, {"type": "null"}]}
#: Spaces at its edges are taken here and cut off.
_LOOSE_NAME = {
    "type": "string",
    "minLength": 1,
    "maxLength": 255,
    "format": "printable",
    "pattern": r"\S",
}
_HOST = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[a-zA-Z0-9-._]*$"}

CREATE = wrapped(
    "aggregate", strict({"name": NAME, "availability_zone": _ZONE_OR_NULL}, required=("name",))
)
UPDATE = wrapped(
    "aggregate",
    {**strict({"name": _LOOSE_NAME, "availability_zone": _ZONE}), "minProperties": 1},
)
ADD_HOST = wrapped("add_host", strict({"host": _HOST}, required=("host",)))
REMOVE_HOST = wrapped("remove_host", strict({"host": _HOST}, required=("host",)))
SET_METADATA = wrapped(
    "set_metadata",
    strict(
        {
            "metadata": {
                "type": "object",
                "patternProperties": {
                    "^[a-zA-Z0-9-_:. ]{1,255}$": {"type": ["string", "null"], "maxLength": 255}
                },
                "additionalProperties": False,
            }
        },
        required=("metadata",),
    ),
)
CACHE_IMAGES = wrapped(
    "cache",
    {
        "type": "array",
        "minItems": 1,
        "items": strict({"id": {"type": "string", "format": "uuid"}}, required=("id",)),
    },
)

# ---- answers

_TEXT = {"type": "string"}
_TIME_OR_NULL = {"type": ["string", "null"]}
_MADE: dict[str, Any] = {
    "id": {"type": "integer"},
    "name": _TEXT,
    "availability_zone": {"type": ["string", "null"]},
    "created_at": _TEXT,
    "updated_at": _TIME_OR_NULL,
    "deleted": {"enum": [False]},
    "deleted_at": {"type": "null"},
}
_FULL = {
    **_MADE,
    "hosts": {"type": "array", "items": _TEXT},
    "metadata": {"type": "object", "additionalProperties": _TEXT},
}
_UUID = {"uuid": {"type": "string", "format": "uuid"}}


def _all(properties: dict[str, Any]) -> Schema:
    return strict(properties, required=tuple(properties))


CREATED = by_version(
    {
        "2.1": wrapped("aggregate", _all(_MADE)),
        "2.41": wrapped("aggregate", _all({**_MADE, **_UUID})),
    }
)
SHOWN = by_version(
    {
        "2.1": wrapped("aggregate", _all(_FULL)),
        "2.41": wrapped("aggregate", _all({**_FULL, **_UUID})),
    }
)
LISTED = by_version(
    {
        "2.1": wrapped("aggregates", {"type": "array", "items": _all(_FULL)}),
        "2.41": wrapped("aggregates", {"type": "array", "items": _all({**_FULL, **_UUID})}),
    }
)
