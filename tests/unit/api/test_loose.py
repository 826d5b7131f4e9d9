"""Bodies of ``/v2`` before they are checked."""

from __future__ import annotations

from typing import Any

import pytest

from nova.api.fields import NAME, lax, strict
from nova.api.loose import loosened

SCHEMA = strict(
    {
        "server": strict(
            {
                "name": NAME,
                "text": {"type": "string"},
                "list": {"type": "array", "items": strict({"name": NAME})},
                "free": lax({"name": NAME}),
                "map": {
                    "type": "object",
                    "patternProperties": {"^[a-z]+$": {}},
                    "additionalProperties": False,
                },
            }
        )
    }
)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({"server": {"name": " a "}, "more": 1}, {"server": {"name": "a"}}),
        ({"server": {"more": 1, "text": " a "}}, {"server": {"text": " a "}}),
        (
            {"server": {"list": [{"name": "a ", "more": 1}, 2]}},
            {"server": {"list": [{"name": "a"}, 2]}},
        ),
        (
            {"server": {"free": {"name": " a", "more": 1}}},
            {"server": {"free": {"name": "a", "more": 1}}},
        ),
        ({"server": {"map": {"a": 1, "B": 2}}}, {"server": {"map": {"a": 1, "B": 2}}}),
        ({"server": None}, {"server": None}),
        ([], []),
        (None, None),
    ],
)
def test_loosened(given: Any, wanted: Any) -> None:
    assert loosened(given, SCHEMA) == wanted


def test_what_was_given_is_left_alone() -> None:
    given = {"server": {"name": " a "}, "more": 1}
    loosened(given, SCHEMA)
    assert given == {"server": {"name": " a "}, "more": 1}
