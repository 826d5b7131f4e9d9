"""The form of answers; requests are those of ``POST /servers`` in which the name may be left out."""

from __future__ import annotations

from typing import Any

from nova.api.compute.servers.schemas import REHEARSE
from nova.api.fields import strict
from nova.domain.outlook import ChangeKind, Where

__all__ = ["ANSWER", "REHEARSE"]

_TEXT = {"type": "string"}
_MAYBE_TEXT = {"type": ["string", "null"]}
_COUNT = {"type": "integer", "minimum": 0}


def _whole(properties: dict[str, Any]) -> dict[str, Any]:
    return dict(strict(properties, required=tuple(properties)))


_PLACE = {
    "cell": _TEXT,
    "host": _TEXT,
    "hypervisor_hostname": _TEXT,
    "availability_zone": _MAYBE_TEXT,
    "weight": {"type": "number"},
}
_COUNTS = {"removed": _COUNT, "left": _COUNT}

ANSWER = _whole(
    {
        "would_fit": {"type": "boolean"},
        "message": _MAYBE_TEXT,
        "hosts": {
            "type": "array",
            "items": _whole({**_PLACE, "alternates": {"type": "array", "items": _whole(_PLACE)}}),
        },
        "constraints": {
            "type": "array",
            "items": _whole(
                {
                    "name": _TEXT,
                    "where": {"type": "string", "enum": [where.value for where in Where]},
                    **_COUNTS,
                    "by_cell": {"type": "object", "additionalProperties": _whole(_COUNTS)},
                }
            ),
        },
        "smallest_changes": {
            "type": "array",
            "items": _whole(
                {
                    "change": _TEXT,
                    "kind": {"type": "string", "enum": [kind.value for kind in ChangeKind]},
                    "what": _TEXT,
                    "from": _MAYBE_TEXT,
                    "to": _MAYBE_TEXT,
                    "hosts": _COUNT,
                }
            ),
        },
        "all_changes_tried": {"type": "boolean"},
    }
)
