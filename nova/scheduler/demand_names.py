"""How demands of a question to Placement are called when people are told of them."""

from __future__ import annotations

from collections.abc import Iterable

# Keys of a query that carry the suffix of a request group, the longest first.
_GROUPED = ("resources", "required", "member_of", "in_tree")


def name_of(key: str, value: str) -> str:
    """``resources1``, ``VCPU:4`` -> ``VCPU (4 asked) in group 1``; ``required``, ``!X`` -> ``not X``."""
    kind, suffix = _split(key)
    return f"{_of_kind(kind, value)} in group {suffix}" if suffix else _of_kind(kind, value)


def choice(names: Iterable[str]) -> str:
    """One of these traits or aggregates, in the words in which Placement explains a demand."""
    ordered = sorted(names)
    return ordered[0] if len(ordered) == 1 else f"in:{','.join(ordered)}"


def _of_kind(kind: str, value: str) -> str:
    match kind:
        case "resources":
            name, colon, amount = value.rpartition(":")
            return f"{name} ({amount} asked)" if colon else value
        case "required" | "root_required":
            return _choice(value)
        case "member_of":
            return f"aggregate {_choice(value)}"
        case "in_tree":
            return f"the tree of provider {value}"
    return f"{kind} {value}"


def _choice(value: str) -> str:
    if value.startswith("!"):
        return f"not {_choice(value[1:])}"
    if value.startswith("in:"):
        return " or ".join(value[len("in:") :].split(","))
    return value


def _split(key: str) -> tuple[str, str]:
    for kind in _GROUPED:
        if key.startswith(kind):
            return kind, key[len(kind) :]
    return key, ""
