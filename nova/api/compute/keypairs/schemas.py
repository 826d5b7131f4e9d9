"""Requests and answers of key pairs."""

from __future__ import annotations

from typing import Any

from groundwork.versions import by_version
from nova.api.fields import ANY_QUERY, NAME, TEXTS, Schema, lax, strict, wrapped
from nova.api.paging import MARKER_KEYS

# ---- queries

_USER = {"user_id": TEXTS}
_LIST = {**_USER, **MARKER_KEYS}

LIST_QUERY = by_version(
    {"2.1": ANY_QUERY, "2.10": lax(_USER), "2.35": lax(_LIST), "2.75": strict(_LIST)}
)
ONE_QUERY = by_version({"2.1": ANY_QUERY, "2.10": lax(_USER), "2.75": strict(_USER)})

# ---- requests

_TYPE = {"type": "string", "enum": ["ssh", "x509"]}
_NAME = {**NAME, "pattern": "^[a-zA-Z0-9_ -]+$"}
_NAME_2_92 = {**NAME, "pattern": "^[a-zA-Z0-9_@. -]+$"}
_CREATE: dict[str, Any] = {"name": _NAME, "public_key": {"type": "string"}}
_CREATE_2_2 = {**_CREATE, "type": _TYPE}
_CREATE_2_10 = {**_CREATE_2_2, "user_id": {"type": "string"}}
_CREATE_2_92 = {**_CREATE_2_10, "name": _NAME_2_92}

CREATE = by_version(
    {
        "2.1": wrapped("keypair", strict(_CREATE, required=("name",))),
        "2.2": wrapped("keypair", strict(_CREATE_2_2, required=("name",))),
        "2.10": wrapped("keypair", strict(_CREATE_2_10, required=("name",))),
        "2.92": wrapped("keypair", strict(_CREATE_2_92, required=("name", "public_key"))),
    }
)

# ---- answers

_TEXT = {"type": "string"}
_LISTED: dict[str, Any] = {"name": _TEXT, "fingerprint": _TEXT, "public_key": _TEXT}
_LISTED_2_2 = {**_LISTED, "type": _TYPE}
_FULL: dict[str, Any] = {
    **_LISTED,
    "id": {"type": "integer"},
    "user_id": _TEXT,
    "created_at": {"type": "string", "format": "date-time"},
    "updated_at": {"type": "null"},
    "deleted": {"enum": [False]},
    "deleted_at": {"type": "null"},
}
_FULL_2_2 = {**_FULL, "type": _TYPE}
_MADE: dict[str, Any] = {**_LISTED, "user_id": _TEXT}
_MADE_2_2 = {**_MADE, "type": _TYPE}
_LINKS = {
    "type": "array",
    "items": strict({"rel": _TEXT, "href": _TEXT}, required=("rel", "href")),
    "minItems": 1,
    "maxItems": 1,
}


def _all(properties: dict[str, Any]) -> Schema:
    return strict(properties, required=tuple(properties))


def _list(properties: dict[str, Any], *, more: dict[str, Any] | None = None) -> Schema:
    item = wrapped("keypair", _all(properties))
    return strict(
        {"keypairs": {"type": "array", "items": item}, **(more or {})}, required=("keypairs",)
    )


def _made(properties: dict[str, Any], *, generates: bool) -> Schema:
    shown = {**properties, "private_key": _TEXT} if generates else properties
    return wrapped("keypair", strict(shown, required=tuple(properties)))


INDEX_ANSWER = by_version(
    {
        "2.1": _list(_LISTED),
        "2.2": _list(_LISTED_2_2),
        "2.35": _list(_LISTED_2_2, more={"keypairs_links": _LINKS}),
    }
)
ANSWER = by_version(
    {"2.1": wrapped("keypair", _all(_FULL)), "2.2": wrapped("keypair", _all(_FULL_2_2))}
)
CREATE_ANSWER = by_version(
    {
        "2.1": _made(_MADE, generates=True),
        "2.2": _made(_MADE_2_2, generates=True),
        "2.92": _made(_MADE_2_2, generates=False),
    }
)
