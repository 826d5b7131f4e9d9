"""Requests made up from the OpenAPI document: right ones, and right ones with one part spoiled.

Were everything wrong at once, nothing would get past the first check.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, quote_from_bytes

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

# What numbers break: signs, the widths of columns and of machines, and beyond.
_EDGES = [0, 1, -1, 2**31 - 1, 2**31, -(2**31), 2**63 - 1, 2**63, -(2**63) - 1, 10**30]
_NUMBERS = st.sampled_from([*_EDGES, 0.5, -0.5, 1e-320, 1e308, -1e308, 3.5e38])
_TEXT = st.text(max_size=20) | st.sampled_from(
    ["", " ", "\x00", "a\x00b", "\ud7ff\U0001f600", "\u202e", "%", "'; --", "x" * 300, "{}", "[1]"]
)
ANYTHING: SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | _NUMBERS | _TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4),
    max_leaves=8,
)
_BYTES = st.sampled_from(
    [
        *(b"", b"{", b'{"name"', b"nul", b"NaN", b"[" * 50_000, b'{"a":' * 20_000),
        *(b"\xff\xfe{}", b'{"name": "\\ud800"}', b'{"a": 1, "a": 2}', b"1" * 100_000, b"[]"),
        *(b'{"name": "' + b"x" * 2_000_000 + b'"}', b"\xef\xbb\xbf{}", b'"\x01"', b"1e999999"),
    ]
) | st.binary(max_size=20)
_PARTS = ("path", "query", "body", "headers", "version", "method", None, None, None)


@dataclass(frozen=True, slots=True)
class Sent:
    """One request; ``path`` comes quoted, with its query."""

    method: str
    path: str
    body: bytes | None
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Known:
    """What exists: values of path parameters, of query keys and of some keys of bodies, and keys of maps.

    ``in_bodies`` are asked when the request is made up, so that generations are those of the moment.
    """

    in_paths: Mapping[str, Sequence[str]]
    in_queries: Mapping[str, Sequence[str]]
    in_bodies: Mapping[str, Callable[[], Any]]
    uuids: Sequence[str]
    names: Sequence[str]


def requests(document: Mapping[str, Any], known: Known) -> SearchStrategy[Sent]:
    """Requests to all operations of the document, each as likely as the other."""
    operations = [
        (path, method, described)
        for path, methods in document["paths"].items()
        for method, described in methods.items()
        if method != "parameters"
    ]
    return st.sampled_from(operations).flatmap(lambda operation: _request(*operation, known=known))


@st.composite
def _request(
    draw: st.DrawFn, path: str, method: str, described: Mapping[str, Any], *, known: Known
) -> Sent:
    spoiled = draw(st.sampled_from(_PARTS))
    for part in path.split("/"):
        if part.startswith("{"):
            values = _TEXT if spoiled == "path" else st.sampled_from(known.in_paths[part[1:-1]])
            path = path.replace(part, quote(draw(values), safe="", errors="replace"))
    pairs = [
        f"{one['name']}={quote(draw(st.sampled_from(known.in_queries[one['name']])))}"
        for one in described.get("parameters", ())
        if one["required"] or draw(st.integers(0, 3)) == 0
    ]
    if spoiled == "query":
        pairs += draw(st.lists(_wrong_pair(known), min_size=1, max_size=3))
    headers = {"X-Auth-Token": "admin", "OpenStack-API-Version": "placement latest"}
    body = None
    if "requestBody" in described:
        schema = described["requestBody"]["content"]["application/json"]["schema"]
        chosen = draw(st.sampled_from(schema.get("anyOf", [schema])))
        headers["OpenStack-API-Version"] = f"placement {chosen.get('x-since', 'latest')}"
        headers["Content-Type"] = "application/json"
        body = draw(_wrong_body(chosen, known) if spoiled == "body" else _body(chosen, known))
    if spoiled == "version":
        minor = draw(st.integers(0, 40))
        headers["OpenStack-API-Version"] = f"placement 1.{minor}"
    elif spoiled == "headers":
        name = draw(st.sampled_from(["Content-Type", "Accept", "OpenStack-API-Version"]))
        text = st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=20)
        headers[name] = draw(st.sampled_from(["text/plain", "*/*;q=x", "placement 1"]) | text)
    elif spoiled == "method":
        method = draw(st.sampled_from(["patch", "head", "options", "get", "put", "x" * 9]))
    query = f"?{'&'.join(pairs)}" if pairs else ""
    return Sent(method.upper(), path + query, body, headers)


def _wrong_pair(known: Known) -> SearchStrategy[str]:
    """A key, often a known one that is repeated by this or has a suffix, with a value that is often wrong."""
    own = st.sampled_from(sorted(known.in_queries))
    suffix = st.sampled_from(["", "", "1", "2", "_A", "0", "x" * 65, "\xe9", "[]"])
    right = [value for values in known.in_queries.values() for value in values]
    values = st.one_of(
        st.sampled_from(right),
        st.lists(st.sampled_from(right), max_size=3).map(",".join),
        st.builds("in:{}".format, st.sampled_from(right)),
        st.sampled_from(["VCPU:0", "VCPU:-1", "VCPU:99999999999999999999", "CUSTOM_NONE:1", "!"]),
        st.sampled_from([str(edge) for edge in _EDGES]),
        _TEXT,
    ).map(lambda text: quote(text, errors="replace"))
    return st.builds(
        "{}{}={}".format,
        own,
        suffix.map(quote),
        values | st.binary(max_size=4).map(quote_from_bytes),
    )


def _body(schema: Mapping[str, Any], known: Known) -> SearchStrategy[bytes]:
    return _valid(schema, known).map(_encode)


def _wrong_body(schema: Mapping[str, Any], known: Known) -> SearchStrategy[bytes]:
    spoiled = st.builds(_spoil, _valid(schema, known), st.integers(0, 1000), ANYTHING)
    return st.one_of(spoiled.map(_encode), spoiled.map(_encode), ANYTHING.map(_encode), _BYTES)


def _encode(value: Any) -> bytes:
    return json.dumps(value).encode()


def _spoil(value: Any, where: int, put: Any) -> Any:
    """The value with something else at one of its places, or with one key more."""
    if isinstance(value, dict) and value:
        if where % 5 == 0:
            return {**value, str(put): put}
        key = sorted(value)[where % len(value)]
        return {**value, key: _spoil(value[key], where // 2, put)}
    if isinstance(value, list) and value:
        at = where % len(value)
        return [*value[:at], _spoil(value[at], where // 2, put), *value[at + 1 :]]
    return put


def _valid(schema: Mapping[str, Any], known: Known, key: str = "") -> SearchStrategy[Any]:
    """Values that meet the schema; where it says little, values that exist."""
    if key in known.in_bodies:
        return st.builds(known.in_bodies[key])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if "anyOf" in schema:
        return st.one_of([_valid(one, known) for one in schema["anyOf"]])
    match schema.get("type"):
        case "object":
            return _object(schema, known)
        case "array":
            items = _valid(schema.get("items", {}), known)
            unique = json.dumps if schema.get("uniqueItems") else None
            least = schema.get("minItems", 0)
            return st.lists(items, min_size=least, max_size=3, unique_by=unique)
        case "integer" | "number":
            least = schema.get("minimum", 0)
            return st.integers(least, least + 20)
        case "null":
            return st.none()
        case "string" if "format" in schema or "{36}" in schema.get("pattern", ""):
            return st.sampled_from(known.uuids)
        case "string":
            return st.sampled_from(known.names)
    return ANYTHING


def _object(schema: Mapping[str, Any], known: Known) -> SearchStrategy[dict[str, Any]]:
    properties = {key: _valid(one, known, key) for key, one in schema.get("properties", {}).items()}
    required = {key: properties.pop(key) for key in schema.get("required", ())}
    made: SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(required, optional=properties)
    for pattern, one in schema.get("patternProperties", {}).items():
        keys = st.sampled_from(known.uuids if "{36}" in pattern else known.names)
        least = schema.get("minProperties", 0)
        more = st.dictionaries(keys, _valid(one, known), min_size=least, max_size=2)
        made = st.builds(lambda a, b: {**a, **b}, made, more)
    return made
