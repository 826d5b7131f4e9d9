"""Requests and answers on providers."""

from __future__ import annotations

from groundwork.versions import by_version
from placement.api import shapes

_NAME = {**shapes.TEXT, "minLength": 1, "maxLength": 200}
_PARENT = {"anyOf": [shapes.UUID, {"type": "null"}]}
_AGGREGATES = {"type": "string", "minLength": 1}

_CREATE = {"name": _NAME, "uuid": shapes.UUID}
_CREATE_1_14 = {**_CREATE, "parent_provider_uuid": _PARENT}
CREATE = by_version(
    {
        "1.0": shapes.body(_CREATE, optional=["uuid"]),
        "1.14": shapes.body(_CREATE_1_14, optional=["uuid", "parent_provider_uuid"]),
    }
)
UPDATE = by_version(
    {
        "1.0": shapes.body({"name": _NAME}),
        "1.14": shapes.body(
            {"name": _NAME, "parent_provider_uuid": _PARENT}, optional=["parent_provider_uuid"]
        ),
    }
)

_SHOWN = {
    "uuid": shapes.UUID,
    "name": shapes.TEXT,
    "generation": shapes.GENERATION,
    "links": shapes.LINKS,
}
_SHOWN_1_14 = {**_SHOWN, "parent_provider_uuid": _PARENT, "root_provider_uuid": shapes.UUID}
SHOWN = by_version({"1.0": shapes.body(_SHOWN), "1.14": shapes.body(_SHOWN_1_14)})
SHOWN_1_20 = by_version({"1.20": shapes.body(_SHOWN_1_14)})
LISTED = by_version(
    {
        since: shapes.body({"resource_providers": {"type": "array", "items": shapes.body(shown)}})
        for since, shown in (("1.0", _SHOWN), ("1.14", _SHOWN_1_14))
    }
)

_SEARCH = {"name": shapes.TEXT, "uuid": shapes.UUID}
_SEARCH_1_3 = {**_SEARCH, "member_of": shapes.once(_AGGREGATES)}
_SEARCH_1_4 = {**_SEARCH_1_3, "resources": shapes.TEXT}
_SEARCH_1_14 = {**_SEARCH_1_4, "in_tree": shapes.UUID}
_SEARCH_1_18 = {**_SEARCH_1_14, "required": shapes.TEXT}
_SEARCH_1_24 = {**_SEARCH_1_18, "member_of": _AGGREGATES}
SEARCH = by_version(
    {
        "1.0": shapes.query(_SEARCH),
        "1.3": shapes.query(_SEARCH_1_3),
        "1.4": shapes.query(_SEARCH_1_4),
        "1.14": shapes.query(_SEARCH_1_14),
        "1.18": shapes.query(_SEARCH_1_18),
        "1.24": shapes.query(_SEARCH_1_24),
    }
)
