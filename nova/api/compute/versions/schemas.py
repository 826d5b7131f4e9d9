"""Answers of the version documents."""

from __future__ import annotations

from nova.api.fields import strict, wrapped

_LINKS = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {
            "rel": {"type": "string"},
            "href": {"type": "string"},
            "type": {"type": "string"},
        },
        "required": ["rel", "href"],
        "additionalProperties": False,
    },
}

_LISTED = {
    "id": {"type": "string", "enum": ["v2.0", "v2.1"]},
    "status": {"type": "string", "enum": ["CURRENT", "DEPRECATED"]},
    "version": {"type": "string"},
    "min_version": {"type": "string"},
    "updated": {"type": "string", "format": "date-time"},
    "links": _LINKS,
}

_MEDIA_TYPES = {
    "type": "array",
    "items": strict(
        {"base": {"type": "string"}, "type": {"type": "string"}}, required=("base", "type")
    ),
}

LIST = wrapped("versions", {"type": "array", "items": strict(_LISTED, required=tuple(_LISTED))})

DOCUMENT = wrapped(
    "version",
    strict({**_LISTED, "media-types": _MEDIA_TYPES}, required=(*_LISTED, "media-types")),
)
