"""``/v2``: the same operations as 2.1, with bodies put right before they are checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import webob

from groundwork.application import Application
from groundwork.operations import Operation
from groundwork.versions import Version


class LooseApplication(Application):
    """Drops body keys that a schema does not know, and spaces at the edges of names, instead of refusing them."""

    def _checked_body(
        self, request: webob.Request, declared: Operation, body: Any, version: Version
    ) -> Any:
        schema = declared.body.at(version) if declared.body else None
        if declared.action is None:
            body = self._dialect.read_json(request)
        if schema is not None:
            body = loosened(body, schema)
            complaint = self._validators.of(schema).complaint(body)
            if complaint is not None:
                raise self._dialect.bad_body(complaint)
        return body


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
