"""Requests and answers on allocations. Each version is the one before with what it added."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from groundwork.versions import by_version
from placement.api import shapes
from placement.api.inventories import schemas as inventory_schemas

Properties = Mapping[str, Any]

_ID = {**shapes.TEXT, "minLength": 1, "maxLength": 255}
_PROVIDER = {"type": "string", "pattern": shapes.PLAIN_UUID}


def _by_uuid(one: shapes.Schema, *, at_least: int = 0) -> shapes.Schema:
    return {
        "type": "object",
        "minProperties": at_least,
        "patternProperties": {shapes.PLAIN_UUID: one},
        "additionalProperties": False,
    }


_LIST = {
    "type": "array",
    "minItems": 1,
    "items": shapes.body(
        {"resource_provider": shapes.body({"uuid": _PROVIDER}), "resources": shapes.AMOUNTS}
    ),
}
# Clients may send back what GET showed them, generation included; it is not looked at.
_SHARE = shapes.body(
    {"resources": shapes.AMOUNTS, "generation": shapes.GENERATION}, optional=["generation"]
)
_SOME = _by_uuid(_SHARE, at_least=1)
_ANY = _by_uuid(_SHARE)
_OWNER: Properties = {"project_id": _ID, "user_id": _ID}
_CONSUMER_GENERATION = {"anyOf": [{"type": "integer"}, {"type": "null"}]}
_MAPPINGS = {
    "type": "object",
    "minProperties": 1,
    "patternProperties": {
        "^[a-zA-Z0-9_-]{0,64}$": {"type": "array", "minItems": 1, "items": _PROVIDER}
    },
    "additionalProperties": False,
}
_TYPE = {"type": "string", "pattern": shapes.NAME, "minLength": 1, "maxLength": 255}

_1_0: Properties = {"allocations": _LIST}
_1_8: Properties = {**_1_0, **_OWNER}
_1_12: Properties = {**_1_8, "allocations": _SOME}
_1_13: Properties = {**_1_12, "allocations": _ANY}  # of POST; PUT takes none since 1.28
_1_28: Properties = {**_1_13, "consumer_generation": _CONSUMER_GENERATION}
_1_34: Properties = {**_1_28, "mappings": _MAPPINGS}
_1_38: Properties = {**_1_34, "consumer_type": _TYPE}


def _one(properties: Properties) -> shapes.Schema:
    return shapes.body(properties, optional=["mappings"])


def _many(properties: Properties) -> shapes.Schema:
    return _by_uuid(_one(properties), at_least=1)


PUT = by_version(
    {
        "1.0": _one(_1_0),
        "1.8": _one(_1_8),
        "1.12": _one(_1_12),
        "1.28": _one(_1_28),
        "1.34": _one(_1_34),
        "1.38": _one(_1_38),
    }
)
POST = by_version(
    {
        "1.13": _many(_1_13),
        "1.28": _many(_1_28),
        "1.34": _many(_1_34),
        "1.38": _many(_1_38),
    }
)


def _reshape(properties: Properties) -> shapes.Schema:
    return shapes.body(
        {
            "inventories": _by_uuid(inventory_schemas.REPLACE, at_least=1),
            "allocations": _by_uuid(_one(properties)),
        }
    )


RESHAPE = by_version({"1.30": _reshape(_1_28), "1.34": _reshape(_1_34), "1.38": _reshape(_1_38)})

_HELD = {"allocations": _by_uuid(_SHARE)}
_HELD_1_12 = {**_HELD, **_OWNER}
_HELD_1_28 = {**_HELD_1_12, "consumer_generation": _CONSUMER_GENERATION}
_HELD_1_38 = {**_HELD_1_28, "consumer_type": {"anyOf": [_TYPE, {"enum": ["unknown"]}]}}
# Of a consumer that holds nothing only the empty allocations are shown.
SHOWN_OF_CONSUMER = by_version(
    {
        since: shapes.body(shown, optional=[key for key in shown if key != "allocations"])
        for since, shown in (
            ("1.0", _HELD),
            ("1.12", _HELD_1_12),
            ("1.28", _HELD_1_28),
            ("1.38", _HELD_1_38),
        )
    }
)


def _at_provider(one: Properties) -> shapes.Schema:
    return shapes.body(
        {
            "allocations": _by_uuid(shapes.body(one)),
            "resource_provider_generation": shapes.GENERATION,
        }
    )


SHOWN_OF_PROVIDER = by_version(
    {
        "1.0": _at_provider({"resources": shapes.AMOUNTS}),
        "1.28": _at_provider(
            {"resources": shapes.AMOUNTS, "consumer_generation": _CONSUMER_GENERATION}
        ),
    }
)
