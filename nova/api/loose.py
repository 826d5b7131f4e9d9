"""``/v2`` takes the bodies of 2.1 with less care: they are put right before they are checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def loosened(value: Any, schema: Mapping[str, Any]) -> Any:
    """A copy of ``value`` without what the schema would refuse as unknown, names stripped."""
    if isinstance(value, dict):
        return _loosened_object(value, schema)
    if isinstance(value, list) and isinstance(schema.get("items"), Mapping):
        return [loosened(item, schema["items"]) for item in value]
    if isinstance(value, str) and schema.get("format") == "name":
        return value.strip()
    return value


def _loosened_object(value: dict[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    known: Mapping[str, Any] = schema.get("properties", {})
    closed = (
        schema.get("additionalProperties") is False
        and "patternProperties" not in schema
        and bool(known)
    )
    return {
        key: loosened(found, known[key]) if key in known else found
        for key, found in value.items()
        if key in known or not closed
    }
