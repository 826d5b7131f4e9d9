"""The shape of messages, and what may change between two releases."""

from __future__ import annotations

import enum
import threading
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import pytest

from nova.rpc.message import UtcTime, message
from nova.rpc.shape import fingerprint, message_shape, misfits


class Power(enum.Enum):
    ON = "on"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class Node:
    name: str
    children: tuple[Node, ...] = ()


@message(reply=int)
class Report:
    root: Node
    at: UtcTime
    power: Power
    kind: Literal["full", "brief"] = "full"
    sizes: dict[str, int] | None = None
    pair: tuple[int, str] = (0, "")


def variant(name: str = "Report", *, reply: Any = int, **fields: Any) -> type:
    """A message of the given fields; a tuple is a type and its default."""
    types = {key: value[0] if isinstance(value, tuple) else value for key, value in fields.items()}
    defaults = {key: value[1] for key, value in fields.items() if isinstance(value, tuple)}
    return message(reply=reply)(type(name, (), {"__annotations__": types, **defaults}))


def test_a_shape_tells_names_types_and_what_is_required() -> None:
    shape = message_shape(Report)

    assert shape["name"] == "report"
    assert shape["reply"] == "int"
    fields = shape["message"]["record"]
    assert fields["root"] == {
        "type": {
            "record": {
                "name": {"type": "str", "required": True},
                "children": {"type": {"list": {"again": 1}}, "required": False},
            }
        },
        "required": True,
    }
    assert {name: field["type"] for name, field in fields.items() if name != "root"} == {
        "at": "time",
        "power": {"enum": ["off", "on"]},
        "kind": {"enum": ["brief", "full"]},
        "sizes": {"union": ["null", {"map": ["str", "int"]}]},
        "pair": {"tuple": ["int", "str"]},
    }


def test_equal_shapes_have_equal_fingerprints_whatever_their_classes() -> None:
    assert fingerprint(variant(a=int)) == fingerprint(variant(a=int))


def test_the_fingerprint_is_the_same_in_every_process() -> None:
    assert fingerprint(Report) == "1f2780052ce23a55"


@pytest.mark.parametrize(
    "other",
    [
        variant(a=str),
        variant(b=int),
        variant(a=(int, 0)),
        variant(a=int, b=(int, 0)),
        variant(a=int, reply=str),
        variant("Other", a=int),
    ],
)
def test_every_change_changes_the_fingerprint(other: type) -> None:
    assert fingerprint(other) != fingerprint(variant(a=int))


@pytest.mark.parametrize(
    ("new", "why"),
    [
        (variant(a=int), None),
        (variant(a=int, b=(str, "")), None),
        (variant(a=(int, 0)), None),
        (variant(a=int, b=str), ".message.b: has no default"),
        (variant(b=(str, "")), ".message.a: is gone"),
        (variant(a=str), '.message.a: was "int", is "str"'),
        (variant(a=int | None), ".message.a: was"),
        (variant(a=int, reply=str), '.reply: was "int"'),
        (variant("Other", a=int), ".name: was"),
    ],
)
def test_a_message_may_only_grow_by_defaults(new: type, why: str | None) -> None:
    found = misfits(message_shape(variant(a=int)), message_shape(new))

    if why is None:
        assert found == ()
    else:
        assert len(found) == 1
        assert found[0].startswith(why)


def test_a_change_deep_inside_is_found() -> None:
    @dataclass
    class Old:
        x: int

    @dataclass
    class New:
        x: str

    old, new = (message_shape(variant(items=tuple[inner, ...])) for inner in (Old, New))  # type: ignore[valid-type]

    assert misfits(old, new) == ('.message.items.list.x: was "int", is "str"',)


@dataclass(frozen=True, slots=True)
class Leaf:
    name: str


@pytest.mark.parametrize("unfit", [datetime, threading.Lock, Node | Leaf])
def test_types_that_cannot_cross_are_refused(unfit: Any) -> None:
    with pytest.raises(TypeError):
        message_shape(variant(a=unfit))
