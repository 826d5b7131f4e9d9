"""JSON schemas that several resources share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from placement.records import LARGEST_AMOUNT

Schema = Mapping[str, Any]

NAME = "^[A-Z0-9_]+$"
CUSTOM_NAME = "^CUSTOM_[A-Z0-9_]+$"
UUID = {"type": "string", "format": "uuid"}
# In bodies: 36 characters of hex and dashes, wherever the dashes are.
PLAIN_UUID = "^[0-9a-fA-F-]{36}$"
GENERATION = {"type": "integer"}
RESOURCE_CLASS = {"type": "string", "pattern": NAME, "minLength": 1, "maxLength": 255}
TRAIT = RESOURCE_CLASS
CUSTOM_CLASS = {"type": "string", "pattern": CUSTOM_NAME, "minLength": 1, "maxLength": 255}
UNITS = {"type": "integer", "minimum": 1, "maximum": LARGEST_AMOUNT}
AMOUNTS = {
    "type": "object",
    "minProperties": 1,
    "patternProperties": {"^[A-Z0-9_]{1,255}$": {"type": "integer", "minimum": 1}},
    "additionalProperties": False,
}
# In answers: uses may be 0, and a consumer count may stand among them.
COUNTS = {"type": "object", "additionalProperties": {"type": "integer", "minimum": 0}}
LINKS = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {"rel": {"type": "string"}, "href": {"type": "string"}},
        "required": ["rel", "href"],
        "additionalProperties": False,
    },
}


def body(properties: Mapping[str, Any], *, optional: Sequence[str] = ()) -> Schema:
    """An object with just these keys, all required but the optional ones."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": [key for key in properties if key not in optional],
        "additionalProperties": False,
    }


def query(properties: Mapping[str, Any], *, required: Sequence[str] = ()) -> Schema:
    """A query with just these keys; each value given is checked, also where only the last counts."""
    return {
        "type": "object",
        "properties": {key: _values(schema) for key, schema in properties.items()},
        "required": list(required),
        "additionalProperties": False,
    }


def checked_late(schema: Schema) -> Schema:
    """A body that the operation checks itself, once it has found what the path names; this only documents it."""
    return {"anyOf": [schema, {}]}


def once(schema: Mapping[str, Any]) -> Schema:
    """The schema of a query key that must not be repeated."""
    return {"type": "array", "items": dict(schema), "maxItems": 1}


def _values(schema: Mapping[str, Any]) -> Schema:
    return schema if schema.get("type") == "array" else {"type": "array", "items": dict(schema)}


# PostgreSQL takes no text with a NUL, so nobody may send one.
TEXT = {"type": "string", "pattern": "^[^\\x00]*$"}
NO_QUERY = query({})
