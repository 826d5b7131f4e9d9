"""What requests for consoles hold, and what they are answered."""

from __future__ import annotations

from collections.abc import Sequence

from groundwork.operations import Schema
from groundwork.versions import by_version
from nova.api.fields import strict, wrapped

_URL = {"type": "string", "format": "uri"}


def _enum(names: Sequence[str]) -> Schema:
    return {"type": "string", "enum": list(names)}


_TYPES_OF_ACTION = {
    "os-getVNCConsole": ("novnc", "xvpvnc"),
    "os-getSPICEConsole": ("spice-html5",),
    "os-getRDPConsole": ("rdp-html5",),
    "os-getSerialConsole": ("serial",),
}

#: Action -> what its request holds.
BY_ACTION = {
    action: wrapped(action, strict({"type": _enum(types)}, required=("type",)))
    for action, types in _TYPES_OF_ACTION.items()
}
OPENED_BY_ACTION = wrapped(
    "console", strict({"type": {"type": "string"}, "url": _URL}, required=("type", "url"))
)

_PROTOCOLS = ("vnc", "spice", "serial", "rdp")
_TYPES = ("novnc", "xvpvnc", "spice-html5", "serial", "rdp-html5")

#: Protocol -> the types that fit it.
FITTING = {
    "vnc": ("novnc", "xvpvnc"),
    "spice": ("spice-html5", "spice-direct"),
    "serial": ("serial",),
    "rdp": ("rdp-html5",),
    "mks": ("webmks",),
}


def _console(protocols: Sequence[str], types: Sequence[str], *, is_open: bool = False) -> Schema:
    fields = {"protocol": _enum(protocols), "type": _enum(types)}
    if is_open:
        fields["url"] = _URL
    return wrapped("remote_console", strict(fields, required=tuple(fields)))


def _history(*, is_open: bool) -> dict[str, Schema]:
    protocols, types = (*_PROTOCOLS, "mks"), (*_TYPES, "webmks")
    return {
        "2.6": _console(_PROTOCOLS, _TYPES, is_open=is_open),
        "2.8": _console(protocols, types, is_open=is_open),
        "2.99": _console(protocols, (*types, "spice-direct"), is_open=is_open),
    }


OPEN = by_version(_history(is_open=False))
OPENED = by_version(_history(is_open=True))
