"""The topology of a server: what answers look like."""

from __future__ import annotations

from typing import Any

from groundwork.operations import Schema
from groundwork.versions import ByVersion, by_version
from nova.api.fields import NO_QUERY, strict

QUERY: ByVersion[Schema] = by_version({"2.78": NO_QUERY})

_NUMBER = {"type": "integer"}
_NUMBERS = {"type": "array", "items": _NUMBER}
_NODE: dict[str, Any] = {
    "vcpu_set": _NUMBERS,
    "siblings": {"type": "array", "items": _NUMBERS},
    "memory_mb": _NUMBER,
    "host_node": _NUMBER,
    "cpu_pinning": {
        "type": "object",
        "patternProperties": {"^[0-9]+$": _NUMBER},
        "additionalProperties": False,
    },
}

SHOWN: ByVersion[Schema] = by_version(
    {
        "2.78": strict(
            {
                "nodes": {
                    "type": "array",
                    "items": strict(_NODE, required=("vcpu_set", "siblings", "memory_mb")),
                },
                "pagesize_kb": {"type": ["integer", "null"]},
            },
            required=("nodes", "pagesize_kb"),
        )
    }
)
