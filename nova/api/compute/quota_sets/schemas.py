"""Quota sets: what bodies, queries and answers look like, by version."""

from __future__ import annotations

from groundwork.operations import Schema
from groundwork.versions import ByVersion, by_version
from nova.api.compute.quota_sets.resources import (
    FILES,
    GROUPS,
    NETWORK,
    SERVERS,
    change_of,
    shown_as,
)
from nova.api.fields import ANY_QUERY, BOOLEAN, NO_QUERY, TEXTS, lax, strict

#: The resources that are shown and can be set.
_RESOURCES = {
    "2.1": (*SERVERS, *GROUPS, *FILES, *NETWORK),
    "2.36": (*SERVERS, *GROUPS, *FILES),
    "2.57": (*SERVERS, *GROUPS),
}
RESOURCES: ByVersion[tuple[str, ...]] = by_version(_RESOURCES)
_NAME = "quota_set"

_OF_USER = {"user_id": TEXTS}
USER_QUERY: ByVersion[Schema] = by_version({"2.1": lax(_OF_USER), "2.75": strict(_OF_USER)})
PLAIN_QUERY: ByVersion[Schema] = by_version({"2.1": ANY_QUERY, "2.75": NO_QUERY})

UPDATE: ByVersion[Schema] = by_version(
    {since: change_of(_NAME, names, force=BOOLEAN) for since, names in _RESOURCES.items()}
)

_LIMIT = {"type": "integer", "minimum": -1}
_USE = strict(
    dict.fromkeys(("in_use", "limit", "reserved"), {"type": "integer", "minimum": -1}),
    required=("in_use", "limit", "reserved"),
)


def _answers(value: Schema, *, with_id: bool) -> ByVersion[Schema]:
    return by_version(
        {
            since: shown_as(_NAME, names, value, with_id=with_id)
            for since, names in _RESOURCES.items()
        }
    )


SHOWN = _answers(_LIMIT, with_id=True)
DETAILED = _answers(_USE, with_id=True)
UPDATED = _answers(_LIMIT, with_id=False)
