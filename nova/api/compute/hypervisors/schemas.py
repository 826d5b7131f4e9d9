"""Hypervisors: what queries and answers look like, by version."""

from __future__ import annotations

from typing import Any

from groundwork.operations import Schema
from groundwork.versions import ByVersion, by_version
from nova.api.compute.services.schemas import HOST_NAME, STATE, STATUS, UUID
from nova.api.fields import ANY_QUERY, BOOLEAN, COUNT, TEXTS, lax, strict, wrapped

_WITH_SERVERS = {"type": "array", "items": BOOLEAN, "maxItems": 1}
LIST_QUERY: ByVersion[Schema] = by_version(
    {
        "2.1": ANY_QUERY,
        "2.33": lax(
            {
                "limit": {"type": "array", "items": {"type": "string", "pattern": "^[0-9]+$"}},
                "marker": TEXTS,
            }
        ),
        "2.53": strict(
            {
                "limit": COUNT,
                "marker": {**TEXTS, "maxItems": 1},
                "hypervisor_hostname_pattern": {
                    "type": "array",
                    "items": HOST_NAME,
                    "maxItems": 1,
                },
                "with_servers": _WITH_SERVERS,
            }
        ),
    }
)
SHOW_QUERY: ByVersion[Schema] = by_version(
    {"2.1": ANY_QUERY, "2.53": strict({"with_servers": _WITH_SERVERS})}
)

_INTEGER = {"type": "integer"}
_OPTIONAL_INTEGER = {"type": ["integer", "null"]}
_TEXT = {"type": "string"}
_OPTIONAL_TEXT = {"type": ["string", "null"]}
_LINKS = {
    "type": "array",
    "minItems": 1,
    "maxItems": 1,
    "items": strict({"rel": {"const": "next"}, "href": _TEXT}, required=("rel", "href")),
}
_SERVERS = {
    "type": "array",
    "items": strict({"name": _TEXT, "uuid": UUID}, required=("name", "uuid")),
}

_SHORT: dict[str, Any] = {
    "id": _INTEGER,
    "hypervisor_hostname": _TEXT,
    "state": STATE,
    "status": STATUS,
}
_SHORT_2_53 = {**_SHORT, "id": UUID}
SIZES: dict[str, Any] = {
    "current_workload": _OPTIONAL_INTEGER,
    "disk_available_least": _OPTIONAL_INTEGER,
    "free_disk_gb": _OPTIONAL_INTEGER,
    "free_ram_mb": _OPTIONAL_INTEGER,
    "local_gb": _INTEGER,
    "local_gb_used": _INTEGER,
    "memory_mb": _INTEGER,
    "memory_mb_used": _INTEGER,
    "running_vms": _OPTIONAL_INTEGER,
    "vcpus": _INTEGER,
    "vcpus_used": _INTEGER,
}


def _service(service_id: dict[str, str]) -> Schema:
    fields = {"id": service_id, "host": _TEXT, "disabled_reason": _OPTIONAL_TEXT}
    return strict(fields, required=tuple(fields))


_LASTING: dict[str, Any] = {
    "hypervisor_type": _TEXT,
    "hypervisor_version": {"type": ["integer", "string"]},
    "host_ip": _OPTIONAL_TEXT,
}
_FULL_2_1 = {**_SHORT, **_LASTING, **SIZES, "cpu_info": _TEXT, "service": _service(_INTEGER)}
_FULL_2_28 = {**_FULL_2_1, "cpu_info": {"type": "object"}}
_FULL_2_53 = {**_FULL_2_28, "id": UUID, "service": _service(UUID)}
_FULL_2_88 = {**_SHORT_2_53, **_LASTING, "service": _service(UUID), "uptime": _OPTIONAL_TEXT}


def _item(fields: dict[str, Any], *, servers: bool) -> Schema:
    known = {**fields, "servers": _SERVERS} if servers else fields
    return strict(known, required=tuple(fields))


def _listed(item: Schema, *, linked: bool) -> Schema:
    fields: dict[str, Any] = {"hypervisors": {"type": "array", "items": item}}
    if linked:
        fields["hypervisors_links"] = _LINKS
    return strict(fields, required=("hypervisors",))


LISTED: ByVersion[Schema] = by_version(
    {
        "2.1": _listed(_item(_SHORT, servers=False), linked=False),
        "2.33": _listed(_item(_SHORT, servers=False), linked=True),
        "2.53": _listed(_item(_SHORT_2_53, servers=True), linked=True),
    }
)
DETAILED: ByVersion[Schema] = by_version(
    {
        "2.1": _listed(_item(_FULL_2_1, servers=False), linked=False),
        "2.28": _listed(_item(_FULL_2_28, servers=False), linked=False),
        "2.33": _listed(_item(_FULL_2_28, servers=False), linked=True),
        "2.53": _listed(_item(_FULL_2_53, servers=True), linked=True),
        "2.88": _listed(_item(_FULL_2_88, servers=True), linked=True),
    }
)
SEARCHED = _listed(_item(_SHORT, servers=False), linked=False)
WITH_SERVERS = _listed(_item(_SHORT, servers=True), linked=False)
SHOWN: ByVersion[Schema] = by_version(
    {
        "2.1": wrapped("hypervisor", _item(_FULL_2_1, servers=False)),
        "2.28": wrapped("hypervisor", _item(_FULL_2_28, servers=False)),
        "2.53": wrapped("hypervisor", _item(_FULL_2_53, servers=True)),
        "2.88": wrapped("hypervisor", _item(_FULL_2_88, servers=True)),
    }
)
UPTIME: ByVersion[Schema] = by_version(
    {
        "2.1": wrapped("hypervisor", _item({**_SHORT, "uptime": _TEXT}, servers=False)),
        "2.53": wrapped("hypervisor", _item({**_SHORT_2_53, "uptime": _TEXT}, servers=False)),
    }
)
STATISTICS = wrapped(
    "hypervisor_statistics",
    strict({"count": _INTEGER, **SIZES}, required=("count", *SIZES)),
)
