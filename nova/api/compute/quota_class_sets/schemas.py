"""Quota class sets: what bodies and answers look like, by version."""

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

_NAME = "quota_class_set"
_SHOWN = {
    "2.1": (*SERVERS, *FILES, *NETWORK),
    "2.50": (*SERVERS, *GROUPS, *FILES),
    "2.57": (*SERVERS, *GROUPS),
}
#: The resources that are shown.
RESOURCES: ByVersion[tuple[str, ...]] = by_version(_SHOWN)

# Those of server groups could be set all along.
_SETTABLE = {since: tuple(dict.fromkeys((*names, *GROUPS))) for since, names in _SHOWN.items()}
UPDATE: ByVersion[Schema] = by_version(
    {since: change_of(_NAME, names) for since, names in _SETTABLE.items()}
)

_LIMIT = {"type": "integer", "minimum": -1}


def _answers(*, with_id: bool) -> ByVersion[Schema]:
    return by_version(
        {since: shown_as(_NAME, names, _LIMIT, with_id=with_id) for since, names in _SHOWN.items()}
    )


SHOWN = _answers(with_id=True)
UPDATED = _answers(with_id=False)
