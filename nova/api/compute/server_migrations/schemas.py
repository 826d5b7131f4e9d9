"""Live migrations of a server: what answers look like, by version."""

from __future__ import annotations

from typing import Any

from groundwork.operations import Schema
from groundwork.versions import ByVersion, by_version
from nova.api.compute.migrations.schemas import PLACES
from nova.api.compute.services.schemas import UUID
from nova.api.fields import ANY_QUERY, NO_QUERY, strict, wrapped

QUERY: ByVersion[Schema] = by_version({"2.1": ANY_QUERY, "2.75": NO_QUERY})

_TEXT = {"type": "string"}
_BYTES = {"type": ["integer", "null"]}
_V2_23: dict[str, Any] = {
    **PLACES,
    "server_uuid": UUID,
    **{
        f"{part}_{which}_bytes": _BYTES
        for part in ("memory", "disk")
        for which in ("total", "processed", "remaining")
    },
}
_V2_59 = {**_V2_23, "uuid": UUID}
_V2_80 = {**_V2_59, "user_id": _TEXT, "project_id": _TEXT}


def _item(fields: dict[str, Any]) -> Schema:
    return strict(fields, required=tuple(fields))


_ITEMS = {"2.23": _item(_V2_23), "2.59": _item(_V2_59), "2.80": _item(_V2_80)}
LISTED: ByVersion[Schema] = by_version(
    {
        since: wrapped("migrations", {"type": "array", "items": item})
        for since, item in _ITEMS.items()
    }
)
SHOWN: ByVersion[Schema] = by_version(
    {since: wrapped("migration", item) for since, item in _ITEMS.items()}
)
