"""Availability zones: what answers look like."""

from __future__ import annotations

from groundwork.operations import Schema
from nova.api.compute.services.schemas import TIME
from nova.api.fields import strict, wrapped

_BOOLEAN = {"type": "boolean"}


def _answer(hosts: Schema) -> Schema:
    zone = {
        "zoneName": {"type": "string"},
        "zoneState": strict({"available": _BOOLEAN}, required=("available",)),
        "hosts": hosts,
    }
    return wrapped(
        "availabilityZoneInfo", {"type": "array", "items": strict(zone, required=tuple(zone))}
    )


def _named(values: Schema) -> Schema:
    return {"type": "object", "additionalProperties": values}


_SERVICE = {"available": _BOOLEAN, "active": _BOOLEAN, "updated_at": TIME}
LISTED = _answer({"type": "null"})
DETAILED = _answer(
    {"anyOf": [{"type": "null"}, _named(_named(strict(_SERVICE, required=tuple(_SERVICE))))]}
)
