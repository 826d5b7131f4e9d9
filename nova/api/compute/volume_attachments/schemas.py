"""Volume attachments: what requests and answers look like, by version."""

from __future__ import annotations

from typing import Any

from groundwork.operations import Schema
from groundwork.versions import ByVersion, by_version
from nova.api.compute.servers.schemas import UUID
from nova.api.fields import ANY_QUERY, COUNT, NO_QUERY, lax, strict, wrapped

LIST_QUERY: ByVersion[Schema] = by_version(
    {
        "2.1": lax({"limit": COUNT, "offset": COUNT}),
        "2.75": strict({"limit": COUNT, "offset": COUNT}),
    }
)
SHOW_QUERY: ByVersion[Schema] = by_version({"2.1": ANY_QUERY, "2.75": NO_QUERY})

_V2_1: dict[str, Any] = {"id": UUID, "serverId": UUID, "volumeId": UUID}
_V2_70 = {**_V2_1, "tag": {"type": ["string", "null"]}}
_V2_79 = {**_V2_70, "delete_on_termination": {"type": "boolean"}}
_V2_89 = {name: schema for name, schema in _V2_79.items() if name != "id"} | {
    "attachment_id": {"type": ["string", "null"]},
    "bdm_uuid": UUID,
}


def _item(fields: dict[str, Any]) -> Schema:
    return strict({**fields, "device": {"type": "string"}}, required=tuple(fields))


_ITEMS = {
    "2.1": _item(_V2_1),
    "2.70": _item(_V2_70),
    "2.79": _item(_V2_79),
    "2.89": _item(_V2_89),
}
LISTED = by_version(
    {
        since: wrapped("volumeAttachments", {"type": "array", "items": item})
        for since, item in _ITEMS.items()
    }
)
SHOWN = by_version({since: wrapped("volumeAttachment", item) for since, item in _ITEMS.items()})
