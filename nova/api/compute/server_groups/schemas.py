"""Requests and answers of server groups."""

from __future__ import annotations

from typing import Any

from groundwork.versions import by_version
from nova.api.fields import COUNT, NAME, TEXTS, Schema, integer, lax, strict, wrapped

# ---- queries

_MANY_COUNTS = {"type": "array", "items": COUNT["items"]}
_LIST = {"all_projects": TEXTS, "limit": _MANY_COUNTS, "offset": _MANY_COUNTS}
LIST_QUERY = by_version({"2.1": lax(_LIST), "2.75": strict(_LIST)})

# ---- requests

_HARD = ["anti-affinity", "affinity"]
_ALL = [*_HARD, "soft-anti-affinity", "soft-affinity"]
#: How many members a host may have.
MAX_PER_HOST = integer(1)


def _with_policies(known: list[str]) -> Schema:
    policies = {
        "type": "array",
        "items": {"type": "string", "enum": known},
        "minItems": 1,
        "maxItems": 1,
        "uniqueItems": True,
    }
    return wrapped(
        "server_group",
        strict({"name": NAME, "policies": policies}, required=("name", "policies")),
    )


_WITH_RULES = wrapped(
    "server_group",
    strict(
        {
            "name": NAME,
            "policy": {"type": "string", "enum": _ALL},
            "rules": strict({"max_server_per_host": MAX_PER_HOST}),
        },
        required=("name", "policy"),
    ),
)

CREATE = by_version(
    {"2.1": _with_policies(_HARD), "2.15": _with_policies(_ALL), "2.64": _WITH_RULES}
)

# ---- answers

_TEXT = {"type": "string"}
_UUID = {"type": "string", "format": "uuid"}
_BEGIN: dict[str, Any] = {
    "id": _UUID,
    "name": _TEXT,
    "members": {"type": "array", "items": _UUID},
}
_OWNER = {"project_id": _TEXT, "user_id": _TEXT}
_OLD = {
    **_BEGIN,
    "policies": {"type": "array", "items": {"type": "string", "enum": _ALL}, "maxItems": 1},
    "metadata": strict({}),
}
_NEW = {
    **_BEGIN,
    **_OWNER,
    "policy": {"type": "string", "enum": _ALL},
    "rules": strict({"max_server_per_host": {"type": "integer"}}),
}


def _all(properties: dict[str, Any]) -> Schema:
    return strict(properties, required=tuple(properties))


def _listed(properties: dict[str, Any]) -> Schema:
    return wrapped("server_groups", {"type": "array", "items": _all(properties)})


ANSWER = by_version(
    {
        "2.1": wrapped("server_group", _all(_OLD)),
        "2.13": wrapped("server_group", _all({**_OLD, **_OWNER})),
        "2.64": wrapped("server_group", _all(_NEW)),
    }
)
LISTED = by_version(
    {"2.1": _listed(_OLD), "2.13": _listed({**_OLD, **_OWNER}), "2.64": _listed(_NEW)}
)
