"""Does the host satisfy the expression that the client sends along."""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from nova.scheduler.candidates import Candidate
from nova.scheduler.filters.filter import Filter, Reason
from nova.scheduler.host_facts import fact
from nova.scheduler.host_view import Ask

_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}
# Brackets within brackets. Clients send what they like; deeper than this, Python would run out of stack.
_DEEPEST = 50


class JsonFilter(Filter):
    """Hosts for which the hint ``query`` holds: ``["and", [">=", "$free_ram_mb", 1024], ["=", "$host", "h1"]]``.

    Operators: ``= < > <= >=`` (the first argument to each of the others), ``in`` (the first among the others), ``not``
    (of every argument), ``and``, ``or``. ``$NAME`` is a fact of ``host_facts.py``, ``$NAME.KEY`` what it holds under
    that key. Nonsense holds for no host.
    """

    needs_counts: ClassVar[bool] = True
    needs_room: ClassVar[bool] = True

    def applies(self, ask: Ask) -> bool:
        return bool(ask.hints("query"))

    def reject_candidate(self, candidate: Candidate, ask: Ask) -> Reason | None:
        query = ask.spec.scheduler_hints.get("query")
        if not query:
            return None
        if isinstance(query, list) and len(query) == 1:
            # Clients wrap each hint in a list.
            query = query[0]
        try:
            asked = json.loads(query) if isinstance(query, str) else query
            if not isinstance(asked, list):
                return self.because(f"{query} is no list of an operator and its arguments")
            is_met = _holds(asked, candidate, 0)
        except (ValueError, TypeError, RecursionError) as exc:
            return self.because(f"the query cannot be answered: {exc}")
        return None if is_met else self.because(f"{query} does not hold")


def _holds(expression: list[Any], candidate: Candidate, depth: int) -> bool:
    if depth > _DEEPEST:
        raise ValueError("it is too deep")
    if not expression:
        return True
    sign, *arguments = expression
    values = [
        _holds(a, candidate, depth + 1) if isinstance(a, list) else _value(a, candidate)
        for a in arguments
    ]
    return _result(sign, values)


def _result(sign: Any, values: Sequence[Any]) -> bool:
    match sign:
        case "and":
            return all(values)
        case "or":
            return any(values)
        case "not":
            return bool(values) and not any(values)
        case "in":
            return len(values) > 1 and values[0] in values[1:]
    if sign not in _COMPARISONS:
        raise ValueError(f"{sign!r} is no operator")
    compare = _COMPARISONS[sign]
    return len(values) > 1 and all(compare(values[0], other) for other in values[1:])


def _value(word: Any, candidate: Candidate) -> Any:
    if not (isinstance(word, str) and word.startswith("$")):
        return word
    name, *keys = word[1:].split(".")
    value = fact(candidate, name)
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value
