"""The little language in which extra specs compare: an operator and one or more words.

>= 4   <= 4   == 4   != 4   = 4 (the same as >=)     compare numbers
s== a  s!= a  s< a   s<= a  s> a  s>= a              compare text
<in> avx            the value contains it
<all-in> avx aes    the value, a list, holds all of them
<or> a <or> b       the value is one of them
a b                 no operator: the value is this text
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

# Extra specs without a scope that speak to Placement or the hypervisor, not to a filter.
NOT_COMPARED = frozenset({"group_policy", "hide_hypervisor_id"})

_TEXT: Mapping[str, Callable[[str, str], bool]] = {
    "s==": operator.eq,
    "s!=": operator.ne,
    "s<": operator.lt,
    "s<=": operator.le,
    "s>": operator.gt,
    "s>=": operator.ge,
}
_NUMBER: Mapping[str, Callable[[float, float], bool]] = {
    "=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
    ">=": operator.ge,
    "<=": operator.le,
}


def is_met(value: Any, requirement: str) -> bool:
    """Whether a value (text, number or list) satisfies a requirement. Nonsense is never satisfied."""
    words = requirement.split()
    if not words:
        return str(value) == requirement
    first, rest = words[0], words[1:]
    if first == "<or>":
        return str(value) in " ".join(rest).replace(" <or> ", "\n").split("\n")
    if first == "<in>":
        return bool(rest) and " ".join(rest) in (value if _is_list(value) else str(value))
    if first == "<all-in>":
        held = {str(item) for item in value} if _is_list(value) else set(str(value).split())
        return bool(rest) and held.issuperset(rest)
    if first in _TEXT:
        return bool(rest) and _TEXT[first](str(value), rest[0])
    if first in _NUMBER:
        return bool(rest) and _compare_numbers(first, value, rest[0])
    return str(value) == requirement


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple | set | frozenset)


def _compare_numbers(sign: str, value: Any, wanted: str) -> bool:
    try:
        return _NUMBER[sign](float(value), float(wanted))
    except (TypeError, ValueError):
        return False
