"""Requests of server moves."""

from __future__ import annotations

from groundwork.versions import by_version
from nova.api.fields import strict, wrapped

RESIZE = wrapped(
    "resize",
    strict(
        {
            "flavorRef": {"type": ["string", "integer"], "minLength": 1},
            "OS-DCF:diskConfig": {"type": "string", "enum": ["AUTO", "MANUAL"]},
        },
        required=("flavorRef",),
    ),
)

# The values are customarily null, and nobody looks at them.
CONFIRM = wrapped("confirmResize", {})
REVERT = wrapped("revertResize", {})

_HOST = {
    "type": ["string", "null"],
    "minLength": 1,
    "maxLength": 255,
    "pattern": "^[a-zA-Z0-9-._]*$",
}
MIGRATE = by_version(
    {
        "2.1": wrapped("migrate", {"type": ["object", "null"]}),
        "2.56": wrapped("migrate", {**strict({"host": _HOST}), "type": ["object", "null"]}),
    }
)
