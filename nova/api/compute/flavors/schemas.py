"""Requests and answers of flavors, their extra specs and their access lists."""

from __future__ import annotations

import re
from typing import Any

from groundwork.versions import by_version
from nova.api.fields import (
    ANY_QUERY,
    BOOLEAN,
    NAME,
    NO_QUERY,
    TEXTS,
    Schema,
    integer,
    lax,
    strict,
    words,
    wrapped,
)
from nova.api.paging import MARKER_KEYS
from nova.db.api.flavor_pages import SORT_KEYS

# ---- queries

_LIST = {
    **MARKER_KEYS,
    "is_public": TEXTS,
    "minRam": TEXTS,
    "minDisk": TEXTS,
    "sort_dir": words("asc", "desc"),
    "sort_key": words(*SORT_KEYS),
}
_LIST_2_102 = {
    **_LIST,
    "sort_key": words(*(key for key in SORT_KEYS if key != "rxtx_factor")),
    "name": TEXTS,
}
LIST_QUERY = by_version({"2.1": lax(_LIST), "2.75": strict(_LIST), "2.102": strict(_LIST_2_102)})

#: Reads that know no key: until 2.102 any was ignored.
READ_QUERY = by_version({"2.1": ANY_QUERY, "2.102": NO_QUERY})

# ---- requests

MEMORY_MB = VCPUS = integer(1)
SIZE = integer(0)
MAX_RXTX_FACTOR = 3.40282e38
_RXTX_FACTOR = {
    "type": ["number", "string"],
    "pattern": r"^[0-9]+(\.[0-9]+)?$",
    "exclusiveMinimum": 0,
    "maximum": MAX_RXTX_FACTOR,
}
_DESCRIPTION = {
    "type": ["string", "null"],
    "minLength": 0,
    "maxLength": 65535,
    "format": "printable",
}

_ID_CHARACTERS = "a-zA-Z0-9. _-"
ID_FORM = re.compile(f"(?! )[{_ID_CHARACTERS}]{{1,255}}(?<! )")

_CREATE: dict[str, Any] = {
    "name": NAME,
    "id": {
        "type": ["string", "number", "null"],
        "minLength": 1,
        "maxLength": 255,
        "pattern": f"^(?! )[{_ID_CHARACTERS}]+(?<! )$",
    },
    "ram": MEMORY_MB,
    "vcpus": VCPUS,
    "disk": SIZE,
    "OS-FLV-EXT-DATA:ephemeral": SIZE,
    "swap": SIZE,
    "os-flavor-access:is_public": BOOLEAN,
    "rxtx_factor": _RXTX_FACTOR,
}
_CREATE_2_55 = {**_CREATE, "description": _DESCRIPTION}
_CREATE_2_102 = {key: value for key, value in _CREATE_2_55.items() if key != "rxtx_factor"}
_CREATE_NEEDS = ("name", "ram", "vcpus", "disk")

CREATE = by_version(
    {
        "2.1": wrapped("flavor", strict(_CREATE, required=_CREATE_NEEDS)),
        "2.55": wrapped("flavor", strict(_CREATE_2_55, required=_CREATE_NEEDS)),
        "2.102": wrapped("flavor", strict(_CREATE_2_102, required=_CREATE_NEEDS)),
    }
)

UPDATE = wrapped("flavor", strict({"description": _DESCRIPTION}, required=("description",)))

_SPEC_KEY = "^[a-zA-Z0-9-_:. ]{1,255}$"
_SPEC_VALUE = {"type": ["string", "number"], "minLength": 0, "maxLength": 255}
_SPECS: Schema = {
    "type": "object",
    "patternProperties": {_SPEC_KEY: _SPEC_VALUE},
    "additionalProperties": False,
}

SPECS_CREATE = wrapped("extra_specs", _SPECS)
#: One key with its value, without a wrapper; also the answer.
SPEC: Schema = {**_SPECS, "minProperties": 1, "maxProperties": 1}


def _access(action: str) -> Schema:
    tenant = {"type": "string", "minLength": 1, "maxLength": 255}
    return wrapped(action, strict({"tenant": tenant}, required=("tenant",)))


ADD_ACCESS = _access("addTenantAccess")
REMOVE_ACCESS = _access("removeTenantAccess")

# ---- answers

_TEXT = {"type": "string"}
_INTEGER = {"type": "integer"}
_LINKS = {
    "type": "array",
    "items": strict({"rel": _TEXT, "href": _TEXT}, required=("rel", "href")),
}

_BRIEF: dict[str, Any] = {"id": _TEXT, "name": _TEXT, "links": _LINKS}
_BRIEF_2_55 = {**_BRIEF, "description": {"type": ["string", "null"]}}

_FULL: dict[str, Any] = {
    **_BRIEF,
    "ram": _INTEGER,
    "disk": _INTEGER,
    "vcpus": _INTEGER,
    "swap": {"anyOf": [_INTEGER, {"enum": [""]}]},
    "rxtx_factor": {"anyOf": [{"type": "number"}, {"enum": [""]}]},
    "OS-FLV-EXT-DATA:ephemeral": _INTEGER,
    "OS-FLV-DISABLED:disabled": {"type": "boolean"},
    "os-flavor-access:is_public": {"type": "boolean"},
}
_FULL_2_55 = {**_FULL, "description": {"type": ["string", "null"]}}
_FULL_2_61 = {**_FULL_2_55, "extra_specs": _SPECS}
_FULL_2_75 = {**_FULL_2_61, "swap": _INTEGER}
_FULL_2_102 = {
    key: value
    for key, value in _FULL_2_75.items()
    if key not in ("rxtx_factor", "OS-FLV-DISABLED:disabled")
}


def _shown(properties: dict[str, Any]) -> Schema:
    # extra_specs is left out for those who may not see them.
    return strict(properties, required=tuple(key for key in properties if key != "extra_specs"))


def _list(properties: dict[str, Any]) -> Schema:
    return strict(
        {"flavors": {"type": "array", "items": _shown(properties)}, "flavors_links": _LINKS},
        required=("flavors",),
    )


_FULL_BY_VERSION = {
    "2.1": _FULL,
    "2.55": _FULL_2_55,
    "2.61": _FULL_2_61,
    "2.75": _FULL_2_75,
    "2.102": _FULL_2_102,
}
INDEX_ANSWER = by_version({"2.1": _list(_BRIEF), "2.55": _list(_BRIEF_2_55)})
DETAIL_ANSWER = by_version({since: _list(form) for since, form in _FULL_BY_VERSION.items()})
ANSWER = by_version(
    {since: wrapped("flavor", _shown(form)) for since, form in _FULL_BY_VERSION.items()}
)

SPECS_ANSWER = wrapped("extra_specs", _SPECS)
ACCESS_ANSWER = wrapped(
    "flavor_access",
    {
        "type": "array",
        "items": strict(
            {"flavor_id": _TEXT, "tenant_id": _TEXT}, required=("flavor_id", "tenant_id")
        ),
    },
)
