"""Building blocks of request schemas, and the conversion of what they let through.

Compute takes many integers and booleans as words too; a schema accepts both forms, the functions here make the value
of it and check what a pattern cannot.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from groundwork.errors import Invalid

Schema = Mapping[str, Any]

MAX_INT = 2**31 - 1

_TRUE = ("True", "TRUE", "true", "1", "ON", "On", "on", "YES", "Yes", "yes")
_FALSE = ("False", "FALSE", "false", "0", "OFF", "Off", "off", "NO", "No", "no")

#: A JSON boolean or one of the usual words.
BOOLEAN: Schema = {"type": ["boolean", "string"], "enum": [True, False, *_TRUE, *_FALSE]}

#: 1-255 printable characters, no spaces at the edges.
NAME: Schema = {"type": "string", "minLength": 1, "maxLength": 255, "format": "name"}

#: A query key that holds any text; repeated keys are taken, the last one counts.
TEXTS: Schema = {"type": "array", "items": {"type": "string"}}

#: A query key that holds one number >= 0.
COUNT: Schema = {
    "type": "array",
    "items": {"type": "string", "pattern": "^[0-9]+$"},
    "maxItems": 1,
}


def integer(minimum: int, maximum: int = MAX_INT) -> Schema:
    """An integer, or a string of its digits; convert with :func:`as_integer`, which checks the digits' range."""
    return {
        "type": ["integer", "string"],
        "pattern": "^[0-9]+$",
        "minimum": minimum,
        "maximum": maximum,
    }


def words(*allowed: str) -> Schema:
    """A query key that holds one or several of these words."""
    return {"type": "array", "items": {"type": "string", "enum": list(allowed)}}


def strict(properties: Mapping[str, Any], *, required: tuple[str, ...] = ()) -> Schema:
    """An object with these keys and no other."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(required),
        "additionalProperties": False,
    }


def lax(properties: Mapping[str, Any]) -> Schema:
    """An object with these keys and any other."""
    return {"type": "object", "properties": dict(properties), "additionalProperties": True}


def wrapped(name: str, schema: Schema) -> Schema:
    """A body of one key, as most Compute bodies are."""
    return strict({name: schema}, required=(name,))


#: Queries of operations that know no key: any is ignored, or (newer versions) refused.
ANY_QUERY: Schema = lax({})
NO_QUERY: Schema = strict({})


def as_integer(value: int | str, *, name: str, schema: Schema) -> int:
    """The number that a field declared with :func:`integer` holds.

    :raises Invalid: the digits stand for a number outside of the schema's range.
    """
    # Python refuses to read integers of thousands of digits; so many are out of range anyway.
    if isinstance(value, str) and len(value.lstrip("0")) > len(str(schema["maximum"])):
        raise refused(name, value[:100], f"It is greater than the maximum of {schema['maximum']}")
    try:
        number = int(value)
    except ValueError as exc:
        raise refused(name, str(value)[:100], "It is not a number.") from exc
    if number < schema["minimum"]:
        raise refused(name, value, f"{value} is less than the minimum of {schema['minimum']}")
    if number > schema["maximum"]:
        raise refused(name, value, f"{value} is greater than the maximum of {schema['maximum']}")
    return number


def as_boolean(value: bool | str) -> bool:
    """The truth of a field declared as :data:`BOOLEAN`."""
    return value if isinstance(value, bool) else value in _TRUE


def refused(name: str, value: object, reason: str) -> Invalid:
    """What a field that holds a bad value is told."""
    return Invalid(f"Invalid input for field/attribute {name}. Value: {value}. {reason}")
