"""What a type looks like on the wire, without the names of the classes that make it.

A test keeps the shapes of the last release; ``misfits`` tells what a change would break while both run side by side.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

import msgspec
from msgspec import inspect

from nova.rpc.message import declaration

# A JSON value: a name of a scalar, or an object with one key that says which kind it is.
Shape = Any

_SCALARS: dict[type, str] = {
    inspect.AnyType: "any",
    inspect.NoneType: "null",
    inspect.BoolType: "bool",
    inspect.IntType: "int",
    inspect.FloatType: "float",
    inspect.StrType: "str",
    inspect.BytesType: "bytes",
    inspect.UUIDType: "uuid",
    inspect.DecimalType: "decimal",
}


def message_shape(message_type: type) -> Shape:
    """The wire name, fields and answer of a message.

    :raises TypeError: a field, however deep, has a type that cannot cross a bus.
    """
    declared = declaration(message_type)
    for crossing in (message_type, declared.reply):
        msgspec.json.Decoder(
            crossing
        )  # refuses what could not be told apart, such as a union of two dataclasses
    return {
        "name": declared.name,
        "message": _shape(inspect.type_info(message_type), ()),
        "reply": _shape(inspect.type_info(declared.reply), ()),
    }


def fingerprint(message_type: type) -> str:
    """A hash that changes exactly when the message's or its answer's shape does."""
    text = json.dumps(message_shape(message_type), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def misfits(old: Shape, new: Shape, path: str = "") -> tuple[str, ...]:
    """What keeps two releases of a shape from reading each other; empty when the new one only grew by defaults."""
    match old, new:
        case {"record": old_fields}, {"record": new_fields}:
            found = [f"{path}.{name}: is gone" for name in old_fields if name not in new_fields]
            for name, field in new_fields.items():
                if name in old_fields:
                    found += misfits(old_fields[name]["type"], field["type"], f"{path}.{name}")
                if field["required"] and not old_fields.get(name, {}).get("required"):
                    found.append(
                        f"{path}.{name}: has no default, and an older sender may leave it out"
                    )
            return tuple(found)
        case dict(), dict() if old.keys() == new.keys():
            return tuple(
                line for key in old for line in misfits(old[key], new[key], f"{path}.{key}")
            )
        case list(), list() if len(old) == len(new):
            return tuple(
                line for was, now in zip(old, new, strict=True) for line in misfits(was, now, path)
            )
        case _:
            return () if old == new else (f"{path}: was {json.dumps(old)}, is {json.dumps(new)}",)


def _shape(node: inspect.Type, above: tuple[type, ...]) -> Shape:
    if type(node) in _SCALARS:
        return _SCALARS[type(node)]
    match node:
        case inspect.DataclassType() | inspect.StructType(tag=None, array_like=False):
            return _record(node, above)
        case inspect.DateTimeType(tz=True):
            return "time"
        case inspect.DateTimeType():
            raise TypeError(
                "a time in a message is declared as nova.rpc.message.UtcTime, never as plain datetime"
            )
        case inspect.EnumType(cls=members):
            return {"enum": sorted((member.value for member in members), key=json.dumps)}
        case inspect.LiteralType(values=values):
            return {"enum": sorted(values, key=json.dumps)}
        case inspect.UnionType(types=types):
            return {"union": sorted((_shape(item, above) for item in types), key=json.dumps)}
        case inspect.TupleType(item_types=types):
            return {"tuple": [_shape(item, above) for item in types]}
        case inspect.CollectionType(item_type=item):
            return {"list": _shape(item, above)}
        case inspect.DictType(key_type=key, value_type=value):
            return {"map": [_shape(key, above), _shape(value, above)]}
        case _:
            raise TypeError(f"{node!r} cannot cross a bus")


def _record(node: inspect.DataclassType | inspect.StructType, above: tuple[type, ...]) -> Shape:
    """A dataclass, or a struct, which looks the same on the way; one that holds itself is told by how many levels up it
    was seen.
    """
    if node.cls in above:
        return {"again": len(above) - above.index(node.cls)}
    inside = (*above, node.cls)
    return {
        "record": {
            field.name: {"type": _shape(field.type, inside), "required": field.required}
            for field in node.fields
        }
    }
