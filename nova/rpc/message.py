"""Typed messages: declared once, sent as plain JSON values.

    @message(reply=tuple[Selection, ...])
    class SelectDestinations:
        request_spec: RequestSpec
        count: int = 1

Sender and receiver may be one release apart, so a receiver ignores fields it does not know and fills in the defaults
of fields it does not get. Therefore a message may only grow, by fields with defaults; ``shape.py`` watches that.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, TypeVar, dataclass_transform

import msgspec

from groundwork.typed import convert

T = TypeVar("T")

# The type of every point in time inside a message. A naive datetime would be read in whatever zone the receiver lives.
UtcTime = Annotated[datetime, msgspec.Meta(tz=True)]


@dataclass(frozen=True, slots=True)
class Declaration:
    """What ``@message`` knows: the method name on the wire and the type of the answer."""

    name: str
    reply: Any


@dataclass_transform(frozen_default=True)
def message(*, reply: Any = None) -> Callable[[type[T]], type[T]]:
    """Make a class a frozen, slotted dataclass that can be sent; ``reply`` is the type that answers it.

    Fields may be JSON scalars, ``UtcTime``, UUIDs, enums, NewTypes, optionals, tuples, frozensets, mappings and
    dataclasses of those; ``Server`` refuses others when it starts.
    """

    def declare(cls: type[T]) -> type[T]:
        made = dataclass(frozen=True, slots=True)(cls)
        made.__message__ = Declaration(_snake_case(cls.__name__), reply)  # type: ignore[attr-defined]
        return made

    return declare


def declaration(message_type: type) -> Declaration:
    """How a message was declared.

    :raises TypeError: the class is not a message.
    """
    found = getattr(message_type, "__message__", None)
    if not isinstance(found, Declaration):
        raise TypeError(f"{message_type!r} is not declared with @message")
    return found


def encode(value: Any, declared_type: Any) -> Any:
    """A message or a reply as plain JSON values.

    It is read back at once: a value that does not fit its declaration is the sender's mistake and fails at the sender.

    :raises msgspec.ValidationError: a field holds something else than was declared.
    """
    plain = msgspec.to_builtins(value, str_keys=True)
    decode(plain, declared_type)
    return plain


def decode(plain: Any, declared_type: Any) -> Any:
    """The message or reply that somebody, perhaps of a neighbouring release, has encoded.

    :raises msgspec.ValidationError: a field without default is missing, or one has the wrong type.
    """
    return convert(plain, declared_type, str_keys=True)


def _snake_case(name: str) -> str:
    """``LiveMigrate`` -> ``live_migrate``, ``GetVNCConsole`` -> ``get_vnc_console``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
