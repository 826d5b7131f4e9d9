"""From the query of a request for candidates to what it asks, by the grammar of its version."""

from __future__ import annotations

import re

from groundwork.errors import Invalid
from groundwork.operations import Call
from placement import codes
from placement.api.microversion import since
from placement.candidates.request import UNSUFFIXED, CandidateRequest, Group
from placement.grammar import TraitsAsked, parse_aggregates, parse_resources, parse_traits
from placement.uuids import canonical

_GROUP_KEY = re.compile("^(resources|required|member_of|in_tree)(.*)$")
# No answer is longer; larger numbers mean the same and need not be counted with.
_LARGEST_LIMIT = 1_000_000_000


def parse_request(call: Call) -> CandidateRequest:
    """What the query asks for; its keys have been checked against the version's schema.

    :raises Invalid: a value has another form, or the groups do not go together.
    """
    groups = _parse_groups(call)
    same_subtrees = _parse_same_subtrees(call, groups)
    _require_resources(call, groups)
    _require_no_orphans(call, groups, frozenset[str]().union(*same_subtrees))
    if sum(suffix != UNSUFFIXED for suffix in groups) > 1 and "group_policy" not in call.query:
        raise Invalid(
            'The "group_policy" parameter is required when specifying more than one '
            '"resources{N}" parameter.'
        )
    return CandidateRequest(
        groups=tuple(groups.values()),
        isolate=_first(call, "group_policy") == "isolate",
        root_required=_parse_root_required(call),
        same_subtrees=same_subtrees,
        limit=_parse_limit(call),
        spreads=since(call, 29),
        tells_mappings=since(call, 34),
    )


def _first(call: Call, key: str) -> str | None:
    """Of these keys the first value counts when they are repeated."""
    return next(iter(call.query.all(key)), None)


def _parse_groups(call: Call) -> dict[str, Group]:
    suffixes: dict[str, None] = {}
    for key in call.query:
        match = _GROUP_KEY.match(key)
        if match:
            suffixes[match[2]] = None
    return {suffix: _parse_group(call, suffix) for suffix in suffixes}


def _parse_group(call: Call, suffix: str) -> Group:
    query = call.query
    required, member_of = f"required{suffix}", f"member_of{suffix}"
    resources, in_tree = f"resources{suffix}", f"in_tree{suffix}"
    # Of a repeated key the last value counts; member_of is and-ed since 1.24, required since 1.39.
    traits = query.all(required) if since(call, 39) else query.all(required)[-1:]
    return Group(
        suffix=suffix,
        resources=parse_resources(query[resources]) if resources in query else {},
        required=parse_traits(
            traits, forbidden=since(call, 22), any_of=since(call, 39), key=required
        ),
        member_of=parse_aggregates(query.all(member_of), forbidden=since(call, 32), key=member_of),
        in_tree=canonical(query[in_tree]) if in_tree in query else None,
    )


def _parse_same_subtrees(call: Call, groups: dict[str, Group]) -> tuple[frozenset[str], ...]:
    subtrees = []
    for value in call.query.all("same_subtree"):
        suffixes = frozenset(suffix.strip() for suffix in value.split(","))
        if UNSUFFIXED in suffixes:
            raise Invalid(
                "Empty string (unsuffixed group) can not be specified in `same_subtree`.",
                code=codes.QUERY_BAD_VALUE,
            )
        unknown = suffixes - groups.keys()
        if unknown:
            raise Invalid(
                "Real suffixes should be specified in `same_subtree`: "
                f"no request group has {', '.join(repr(suffix) for suffix in sorted(unknown))}.",
                code=codes.QUERY_BAD_VALUE,
            )
        subtrees.append(suffixes)
    return tuple(subtrees)


def _require_resources(call: Call, groups: dict[str, Group]) -> None:
    """:raises Invalid: no group asks for resources; keys that would refine such a group are named."""
    if any(group.resources for group in groups.values()):
        return
    lack = "There must be at least one resources or resources[$S] parameter."
    for what, key in (("traits", "required"), ("member_of", "member_of")):
        given = sorted(f"{key}{suffix}" for suffix in groups if f"{key}{suffix}" in call.query)
        if given:
            raise Invalid(
                f"{lack} All {what} parameters must be associated with resources. "
                f"Found the following orphaned {what} keys: {', '.join(given)}",
                code=_missing(call),
            )
    raise Invalid(
        f"{lack} At least one request group (`resources` or `resources{{$S}}`) is required.",
        code=_missing(call),
    )


def _require_no_orphans(call: Call, groups: dict[str, Group], in_subtrees: frozenset[str]) -> None:
    """:raises Invalid: a group goes without resources and is not placed by ``same_subtree`` instead (1.36)."""
    bare = {suffix for suffix, group in groups.items() if not group.resources} - in_subtrees
    if not bare:
        return
    if since(call, 36) and UNSUFFIXED not in bare:
        raise Invalid(
            "Resourceless suffixed group request should be specified in `same_subtree` query param: "
            f"bad group(s) - {', '.join(sorted(bare))}.",
            code=codes.QUERY_BAD_VALUE,
        )
    shown = ", ".join(repr(suffix) for suffix in sorted(bare))
    raise Invalid(f"All request groups must specify resources. Without: {shown}.")


def _missing(call: Call) -> str:
    return codes.QUERY_MISSING_VALUE if since(call, 36) else codes.UNDEFINED


def _parse_root_required(call: Call) -> TraitsAsked:
    values = call.query.all("root_required")
    if len(values) > 1:
        raise Invalid(
            "Query parameter 'root_required' may be specified only once.",
            code=codes.QUERY_DUPLICATE_KEY,
        )
    return parse_traits(
        values,
        forbidden=True,
        any_of=False,
        key="root_required",
        conflict_code=codes.QUERY_BAD_VALUE,
    )


def _parse_limit(call: Call) -> int | None:
    text = (_first(call, "limit") or "").lstrip("0")
    if not text:
        return None
    return int(text) if len(text) < len(str(_LARGEST_LIMIT)) else _LARGEST_LIMIT
