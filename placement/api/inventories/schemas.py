"""Requests and answers on inventories."""

from __future__ import annotations

from placement.api import shapes
from placement.records import LARGEST_AMOUNT

FIELDS = {
    "total": shapes.UNITS,
    "reserved": {"type": "integer", "minimum": 0, "maximum": LARGEST_AMOUNT},
    "min_unit": shapes.UNITS,
    "max_unit": shapes.UNITS,
    "step_size": shapes.UNITS,
    "allocation_ratio": {"type": "number", "maximum": 3.40282e38},
}
_OPTIONAL = [name for name in FIELDS if name != "total"]


def _by_class(one: shapes.Schema) -> shapes.Schema:
    return {
        "type": "object",
        "patternProperties": {"^[A-Z0-9_]{1,255}$": one},
        "additionalProperties": False,
    }


REPLACE = shapes.body(
    {
        "resource_provider_generation": shapes.GENERATION,
        "inventories": _by_class(shapes.body(FIELDS, optional=_OPTIONAL)),
    }
)
UPDATE_ONE = shapes.body(
    {"resource_provider_generation": shapes.GENERATION, **FIELDS}, optional=_OPTIONAL
)
ADD_ONE = shapes.body(
    {
        "resource_provider_generation": shapes.GENERATION,
        "resource_class": shapes.RESOURCE_CLASS,
        **FIELDS,
    },
    optional=["resource_provider_generation", *_OPTIONAL],
)
SHOWN = shapes.body(
    {
        "resource_provider_generation": shapes.GENERATION,
        "inventories": _by_class(shapes.body(FIELDS)),
    }
)
SHOWN_ONE = shapes.body({"resource_provider_generation": shapes.GENERATION, **FIELDS})
