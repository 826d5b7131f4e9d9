"""Usage of projects: what queries and answers look like, by version."""

from __future__ import annotations

from typing import Any

from groundwork.operations import Schema
from groundwork.versions import ByVersion, by_version
from nova.api.compute.services.schemas import TIME, UUID
from nova.api.fields import TEXTS, lax, strict

_PERIOD = {"start": TEXTS, "end": TEXTS}
_PAGE = {
    "limit": {"type": "array", "items": {"type": "string", "pattern": "^[0-9]+$"}},
    "marker": TEXTS,
}


def _query(keys: dict[str, Any]) -> ByVersion[Schema]:
    return by_version(
        {"2.1": lax(keys), "2.40": lax({**keys, **_PAGE}), "2.75": strict({**keys, **_PAGE})}
    )


LIST_QUERY = _query({**_PERIOD, "detailed": TEXTS})
SHOW_QUERY = _query(_PERIOD)

_TEXT = {"type": "string"}
_AMOUNT = {"type": "number", "minimum": 0}
_SERVER = {
    "instance_id": UUID,
    "name": _TEXT,
    "tenant_id": _TEXT,
    "flavor": _TEXT,
    "vcpus": {"type": "integer"},
    "memory_mb": {"type": "integer"},
    "local_gb": {"type": "integer"},
    "hours": _AMOUNT,
    "started_at": {"type": "string", "format": "date-time"},
    "ended_at": TIME,
    "state": _TEXT,
    "uptime": {"type": "integer", "minimum": 0},
}
_TOTALS: dict[str, Any] = {
    "tenant_id": _TEXT,
    "start": {"type": "string", "format": "date-time"},
    "stop": {"type": "string", "format": "date-time"},
    "total_hours": _AMOUNT,
    "total_vcpus_usage": _AMOUNT,
    "total_memory_mb_usage": _AMOUNT,
    "total_local_gb_usage": _AMOUNT,
}
_SERVERS = {"type": "array", "items": strict(_SERVER, required=tuple(_SERVER))}
_LINKS = {
    "type": "array",
    "minItems": 1,
    "maxItems": 1,
    "items": strict({"rel": {"const": "next"}, "href": _TEXT}, required=("rel", "href")),
}
_LISTED = {
    "type": "array",
    "items": strict({**_TOTALS, "server_usages": _SERVERS}, required=tuple(_TOTALS)),
}
_WHOLE = {**_TOTALS, "server_usages": _SERVERS}
_SHOWN = {"anyOf": [strict({}), strict(_WHOLE, required=tuple(_WHOLE))]}


def _answer(name: str, schema: Schema) -> ByVersion[Schema]:
    return by_version(
        {
            "2.1": strict({name: schema}, required=(name,)),
            "2.40": strict({name: schema, f"{name}_links": _LINKS}, required=(name,)),
        }
    )


LISTED = _answer("tenant_usages", _LISTED)
SHOWN = _answer("tenant_usage", _SHOWN)
