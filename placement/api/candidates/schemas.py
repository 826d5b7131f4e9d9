"""Which query keys each version knows, and the forms of the answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from groundwork.versions import by_version
from placement.api import shapes

# What may follow a key of a request group; the pattern holds the empty suffix too.
DIGITS = "([1-9][0-9]*)?"
WORDS = "([a-zA-Z0-9_-]{1,64})?"

_ONE_TEXT = shapes.once(shapes.TEXT)
_PLAIN = {"resources": shapes.TEXT}
_1_16 = {**_PLAIN, "limit": {"type": "string", "pattern": "^0*[1-9][0-9]*$"}}
_1_17 = {**_1_16, "required": shapes.TEXT}
_1_21 = {**_1_17, "member_of": _ONE_TEXT}
_1_24 = {**_1_21, "member_of": shapes.TEXT}


def _grouped(group: Mapping[str, Any], suffix: str, whole: Mapping[str, Any]) -> shapes.Schema:
    """Keys of groups, with suffixes, and keys of the whole request, without."""
    return {
        "type": "object",
        "properties": {key: {"type": "array", "items": schema} for key, schema in whole.items()},
        "patternProperties": {
            f"^{key}{suffix}$": {"type": "array", "items": schema} for key, schema in group.items()
        },
        "additionalProperties": False,
    }


_LIMIT = {"limit": _1_16["limit"]}
_POLICY = {**_LIMIT, "group_policy": {"enum": ["none", "isolate"]}}
_GROUP = {"resources": shapes.TEXT, "required": shapes.TEXT, "member_of": shapes.TEXT}
_GROUP_1_31 = {**_GROUP, "in_tree": shapes.UUID}
_ROOT = {**_POLICY, "root_required": shapes.TEXT}
_SUBTREE = {**_ROOT, "same_subtree": shapes.TEXT}

SEARCH = by_version(
    {
        "1.10": shapes.query(_PLAIN, required=["resources"]),
        "1.16": shapes.query(_1_16, required=["resources"]),
        "1.17": shapes.query(_1_17, required=["resources"]),
        "1.21": shapes.query(_1_21, required=["resources"]),
        "1.24": shapes.query(_1_24, required=["resources"]),
        "1.25": _grouped(_GROUP, DIGITS, _POLICY),
        "1.31": _grouped(_GROUP_1_31, DIGITS, _POLICY),
        "1.33": _grouped(_GROUP_1_31, WORDS, _POLICY),
        "1.35": _grouped(_GROUP_1_31, WORDS, _ROOT),
        "1.36": _grouped(_GROUP_1_31, WORDS, _SUBTREE),
    }
)

# The same question as SEARCH asks where it exists, and how much is to be told.
EXPLAIN = _grouped(
    _GROUP_1_31,
    WORDS,
    {
        **_SUBTREE,
        "removed_roots": {"enum": ["true", "false"]},
        "unknown_names": {"enum": ["refused", "explained"]},
    },
)

_SHARES_LIST = {
    "type": "array",
    "items": shapes.body(
        {"resource_provider": shapes.body({"uuid": shapes.UUID}), "resources": shapes.AMOUNTS}
    ),
}
_SHARES = {"type": "object", "additionalProperties": shapes.body({"resources": shapes.AMOUNTS})}
_MAPPINGS = {
    "type": "object",
    "additionalProperties": {"type": "array", "items": shapes.UUID, "minItems": 1},
}
_LEVEL = shapes.body({"capacity": {"type": "integer"}, "used": {"type": "integer"}})
_SUMMARY = {"resources": {"type": "object", "additionalProperties": _LEVEL}}
_SUMMARY_1_17 = {**_SUMMARY, "traits": {"type": "array", "items": shapes.TRAIT}}
_SUMMARY_1_29 = {
    **_SUMMARY_1_17,
    "parent_provider_uuid": {"anyOf": [shapes.UUID, {"type": "null"}]},
    "root_provider_uuid": shapes.UUID,
}


def _found(request: Mapping[str, Any], summary: Mapping[str, Any]) -> shapes.Schema:
    return shapes.body(
        {
            "allocation_requests": {"type": "array", "items": shapes.body(request)},
            "provider_summaries": {"type": "object", "additionalProperties": shapes.body(summary)},
        }
    )


FOUND = by_version(
    {
        "1.10": _found({"allocations": _SHARES_LIST}, _SUMMARY),
        "1.12": _found({"allocations": _SHARES}, _SUMMARY),
        "1.17": _found({"allocations": _SHARES}, _SUMMARY_1_17),
        "1.29": _found({"allocations": _SHARES}, _SUMMARY_1_29),
        "1.34": _found({"allocations": _SHARES, "mappings": _MAPPINGS}, _SUMMARY_1_29),
    }
)

_COUNT = {"type": "integer", "minimum": 0}
_MAYBE_COUNT = {"anyOf": [_COUNT, {"type": "null"}]}
EXPLAINED = shapes.body(
    {
        "providers": _COUNT,
        "trees": _COUNT,
        "constraints": {
            "type": "array",
            "items": shapes.body(
                {
                    "key": shapes.TEXT,
                    "value": shapes.TEXT,
                    "alone": shapes.body({"providers": _MAYBE_COUNT, "trees": _COUNT}),
                    "in_order": shapes.body({"providers": _MAYBE_COUNT, "trees": _COUNT}),
                    "trees_left": _COUNT,
                    "removed_roots": {"type": "array", "items": shapes.UUID},
                },
                optional=("removed_roots",),
            ),
        },
        "candidate_trees": _COUNT,
        "changes": {
            "type": "array",
            "items": shapes.body(
                {
                    "key": shapes.TEXT,
                    "value": shapes.TEXT,
                    "to": {"anyOf": [shapes.TEXT, {"type": "null"}]},
                    "candidate_trees": _COUNT,
                }
            ),
        },
        "candidate_roots": {"type": "array", "items": shapes.UUID},
    },
    optional=("candidate_roots",),
)
