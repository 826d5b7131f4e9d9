"""JSON Schema checks: a compiled validator for the good case, an explaining one for the bad case.

Compiled validation costs a tenth of interpreted validation; only when it refuses is the interpreted one asked for
the text that the client reads. Compilation happens at first use, so that starting a service does not pay for it.
"""

from __future__ import annotations

import base64
import binascii
import re
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address
from typing import Any

import fastjsonschema
import jsonschema
from oslo_utils import timeutils

from groundwork.errors import Invalid
from groundwork.patterns import check_pattern


@dataclass(frozen=True, slots=True)
class Complaint:
    """Why a value was refused: where it is (keys and indexes, outermost first), what it is, and a sentence.

    ``rule`` is the place in the schema that it breaks, ending with the keyword (``maxLength``); empty when unknown.
    """

    path: tuple[str | int, ...]
    value: Any
    message: str
    rule: tuple[str | int, ...] = ()

    @property
    def place(self) -> str:
        """The path as people write it: ``server.name``; empty for the whole value."""
        return ".".join(map(str, self.path))

    @property
    def keyword(self) -> str:
        """The word of the schema that is broken; empty when that is not known."""
        return str(self.rule[-1]) if self.rule else ""


def _is_uuid(value: str) -> bool:
    try:
        return str(uuid.UUID(value)).replace("-", "") == value.lower().replace("-", "")
    except ValueError:
        return False


def _is_ip(version: int) -> Callable[[str], bool]:
    def check(value: str) -> bool:
        try:
            return ip_address(value).version == version
        except ValueError:
            return False

    return check


def _is_time(value: str) -> bool:
    try:
        timeutils.parse_isotime(value)
    except ValueError:
        try:
            datetime.fromisoformat(value)
        except ValueError:
            return False
    return True


def _is_base64(value: str) -> bool:
    try:
        base64.b64decode("".join(value.split()), validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


def _is_printable(value: str) -> bool:
    return all(char.isprintable() or char in "\n\r\t" for char in value)


def _is_name(value: str) -> bool:
    return bool(value.strip()) and value == value.strip() and all(c.isprintable() for c in value)


def _is_regex(value: str) -> bool:
    try:
        re.compile(value)
    except re.error:
        return False
    return True


def _is_searchable(value: str) -> bool:
    try:
        check_pattern(value)
    except Invalid:
        return False
    return True


FORMATS: Mapping[str, Callable[[str], bool]] = {
    "uuid": _is_uuid,
    "ipv4": _is_ip(4),
    "ipv6": _is_ip(6),
    "date-time": _is_time,
    "base64": _is_base64,
    "printable": _is_printable,
    "name": _is_name,
    "regex": _is_regex,
    # A pattern that somebody searches for: see groundwork.patterns.
    "search-pattern": _is_searchable,
}

_CHECKER = jsonschema.FormatChecker(formats=())
for _name, _check in FORMATS.items():
    _CHECKER.checks(_name)(lambda value, check=_check: not isinstance(value, str) or check(value))


class Validator:
    """One schema. Thread safe."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self.schema = schema
        self._compiled: Callable[[Any], Any] | None = None
        self._lock = threading.Lock()

    def complaint(self, value: Any) -> Complaint | None:
        """None for a good value, otherwise the first reason (in the order of the schema) why it is bad."""
        try:
            self._fast()(value)
            return None
        except fastjsonschema.JsonSchemaValueException as refused:
            return self._explain(value, refused)

    def _fast(self) -> Callable[[Any], Any]:
        if self._compiled is None:
            with self._lock:
                if self._compiled is None:
                    self._compiled = fastjsonschema.compile(
                        dict(self.schema), formats=dict(FORMATS), use_default=False
                    )
        return self._compiled

    def _explain(
        self, value: Any, refused: fastjsonschema.JsonSchemaValueException
    ) -> Complaint | None:
        validator = jsonschema.Draft7Validator(self.schema, format_checker=_CHECKER)
        error = jsonschema.exceptions.best_match(validator.iter_errors(value))
        if error is None:
            # The two disagree on a corner (a float that is an integer, say): the compiled one decides.
            return Complaint(tuple(refused.path[1:]), refused.value, refused.message)
        while error.context and len(error.context) == 1:
            error = error.context[0]
        return Complaint(
            tuple(error.absolute_path),
            error.instance,
            error.message,
            tuple(error.absolute_schema_path),
        )


class Validators:
    """The validators of a service, made once per schema object."""

    def __init__(self) -> None:
        self._known: dict[int, Validator] = {}

    def of(self, schema: Mapping[str, Any]) -> Validator:
        """The validator of this schema object (schemas are module constants, so identity is enough)."""
        found = self._known.get(id(schema))
        if found is None:
            found = self._known.setdefault(id(schema), Validator(schema))
        return found
