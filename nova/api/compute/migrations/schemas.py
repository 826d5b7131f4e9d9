"""Migrations: what queries and answers look like, by version."""

from __future__ import annotations

from typing import Any

from groundwork.operations import Schema
from groundwork.versions import ByVersion, by_version
from nova.api.compute.services.schemas import TIME, UUID
from nova.api.fields import COUNT, TEXTS, lax, strict
from nova.domain.migration import MigrationType

_ONE_TEXT = {**TEXTS, "maxItems": 1}
_TIMES = {"type": "array", "items": {"type": "string", "format": "date-time"}, "maxItems": 1}
_FILTERS = dict.fromkeys(
    ("hidden", "host", "instance_uuid", "source_compute", "status", "migration_type"), TEXTS
)
_PAGED = {**_FILTERS, "limit": COUNT, "marker": _ONE_TEXT, "changes-since": _TIMES}
_BOUNDED = {**_PAGED, "changes-before": _TIMES}
LIST_QUERY: ByVersion[Schema] = by_version(
    {
        "2.1": lax(_FILTERS),
        "2.59": strict(_PAGED),
        "2.66": strict(_BOUNDED),
        "2.80": strict({**_BOUNDED, "user_id": _ONE_TEXT, "project_id": _ONE_TEXT}),
    }
)

_TEXT = {"type": "string"}
_OPTIONAL_TEXT = {"type": ["string", "null"]}
_OPTIONAL_INTEGER = {"type": ["integer", "null"]}
_LINKS = {
    "type": "array",
    "items": strict({"rel": _TEXT, "href": _TEXT}, required=("rel", "href")),
}
#: What all three reads show from 2.1 on.
PLACES: dict[str, Any] = {
    "id": {"type": "integer"},
    "status": _TEXT,
    "created_at": {"type": "string", "format": "date-time"},
    "updated_at": TIME,
    "source_compute": _OPTIONAL_TEXT,
    "source_node": _OPTIONAL_TEXT,
    "dest_compute": _OPTIONAL_TEXT,
    "dest_node": _OPTIONAL_TEXT,
    "dest_host": _OPTIONAL_TEXT,
}
_V2_1 = {
    **PLACES,
    "instance_uuid": UUID,
    "new_instance_type_id": _OPTIONAL_INTEGER,
    "old_instance_type_id": _OPTIONAL_INTEGER,
}
_V2_23 = {**_V2_1, "migration_type": {"enum": [kind.value for kind in MigrationType]}}
_V2_59 = {**_V2_23, "uuid": UUID}
_V2_80 = {**_V2_59, "user_id": _TEXT, "project_id": _TEXT}
_NEXT = {
    "type": "array",
    "minItems": 1,
    "maxItems": 1,
    "items": strict({"rel": {"const": "next"}, "href": _TEXT}, required=("rel", "href")),
}


def _listed(fields: dict[str, Any], *, linked: bool, paged: bool) -> Schema:
    known = {**fields, "links": _LINKS} if linked else fields
    body: dict[str, Any] = {
        "migrations": {"type": "array", "items": strict(known, required=tuple(fields))}
    }
    if paged:
        body["migrations_links"] = _NEXT
    return strict(body, required=("migrations",))


LISTED: ByVersion[Schema] = by_version(
    {
        "2.1": _listed(_V2_1, linked=False, paged=False),
        "2.23": _listed(_V2_23, linked=True, paged=False),
        "2.59": _listed(_V2_59, linked=True, paged=True),
        "2.80": _listed(_V2_80, linked=True, paged=True),
    }
)
