"""The little languages of queries: amounts of resources, traits, aggregates.

Which parts of them a client may use depends on its version, so each parser is told; what comes out is the same for
all versions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from groundwork.errors import Invalid
from placement import codes
from placement.uuids import canonical

_NAME = re.compile(r"[A-Z0-9_]{1,255}")
# Each is a term of one SQL expression: nobody needs as many, and SQLite ends at a depth of 1000.
_MOST_CHOICES = 200
_AMOUNT = re.compile(r"-?[0-9]{1,100}", re.ASCII)


@dataclass(frozen=True, slots=True)
class TraitsAsked:
    """``all_of`` must be there, of each set in ``any_of`` at least one, of ``none_of`` not one."""

    all_of: frozenset[str] = frozenset()
    any_of: tuple[frozenset[str], ...] = ()
    none_of: frozenset[str] = frozenset()

    @property
    def names(self) -> frozenset[str]:
        """Every trait that is mentioned."""
        return self.all_of.union(self.none_of, *self.any_of)

    def wanted_in(self, traits: frozenset[str]) -> bool:
        """Whether these traits hold all that is needed, whatever else they hold."""
        return self.all_of <= traits and all(
            not choice.isdisjoint(traits) for choice in self.any_of
        )

    def met_by(self, traits: frozenset[str]) -> bool:
        """Whether these traits are what was asked for."""
        return self.none_of.isdisjoint(traits) and self.wanted_in(traits)


@dataclass(frozen=True, slots=True)
class AggregatesAsked:
    """Member of at least one in each set of ``any_of``, and of none in ``none_of``."""

    any_of: tuple[frozenset[str], ...] = ()
    none_of: frozenset[str] = frozenset()

    def met_by(self, aggregates: frozenset[str]) -> bool:
        """Whether these memberships are what was asked for."""
        return self.none_of.isdisjoint(aggregates) and all(
            not choice.isdisjoint(aggregates) for choice in self.any_of
        )


def parse_resources(text: str) -> Mapping[str, int]:
    """``CLASS:n,CLASS:n`` with n at least 1; of a class given twice the last counts. Blanks around parts are no harm.

    :raises Invalid: anything else.
    """
    amounts: dict[str, int] = {}
    for part in text.split(","):
        name, colon, amount = part.strip().partition(":")
        if not colon or not _NAME.fullmatch(name):
            raise Invalid(
                "Badly formed resources parameter. Expected resources query string parameter in form: "
                f"?resources=VCPU:2,MEMORY_MB:1024. Got: {part[:100] if text else 'empty string'}."
            )
        amounts[name] = _parse_amount(name, amount)
    _require_few(len(amounts), "resources")
    return amounts


def _parse_amount(name: str, text: str) -> int:
    # More digits than this mean a slip or an attack; Python refuses to convert thousands of them.
    if not _AMOUNT.fullmatch(text):
        raise Invalid(
            f"Requested resource {name} expected positive integer amount. Got: {text[:100]}."
        )
    amount = int(text)
    if amount < 1:
        raise Invalid(f"Requested resource {name} requires amount >= 1. Got: {amount}.")
    return amount


def parse_traits(
    values: Iterable[str],
    *,
    forbidden: bool,
    any_of: bool,
    key: str = "required",
    conflict_code: str = codes.UNDEFINED,
) -> TraitsAsked:
    """``A,!B`` and ``in:A,B``, and-ed over all values; ``forbidden`` and ``any_of`` say which of these are known.

    :raises Invalid: another form, or (with ``conflict_code``) a trait that is needed and forbidden at once.
    """
    form = "HW_CPU_X86_VMX,!CUSTOM_MAGIC" if forbidden else "HW_CPU_X86_VMX,CUSTOM_MAGIC"
    needed: set[str] = set()
    unwanted: set[str] = set()
    choices: list[frozenset[str]] = []
    for value in values:
        rest = value.strip()
        if rest.startswith("in:"):
            if not any_of:
                raise Invalid(
                    f"Invalid query string parameters: The format 'in:HW_CPU_X86_VMX,CUSTOM_MAGIC' only "
                    f"supported since microversion 1.39. Got: {key}={value}"
                )
            choices.append(frozenset(_trait_names(_parts(rest[3:]), value, key, form)))
            continue
        parts = _parts(rest)
        negated = [part[1:] for part in parts if forbidden and part.startswith("!")]
        plain = [part for part in parts if not (forbidden and part.startswith("!"))]
        unwanted.update(_trait_names(negated, value, key, form))
        needed.update(_trait_names(plain, value, key, form))
    _require_few(len(choices) + len(needed), key)
    both = needed & unwanted
    if both:
        raise Invalid(
            f"Conflicting required and forbidden traits found in {key}: {', '.join(sorted(both))}.",
            code=conflict_code,
        )
    return TraitsAsked(frozenset(needed), tuple(choices), frozenset(unwanted))


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")]


def _trait_names(names: Sequence[str], value: str, key: str, form: str) -> Sequence[str]:
    if not all(_NAME.fullmatch(name) for name in names):
        raise Invalid(
            f"Invalid query string parameters: Expected '{key}' parameter value of the form: {form}. "
            f"Got: {value}"
        )
    return names


def parse_aggregates(
    values: Iterable[str], *, forbidden: bool, key: str = "member_of"
) -> AggregatesAsked:
    """``uuid``, ``in:u1,u2`` and, with ``forbidden``, ``!uuid`` and ``!in:u1,u2``; and-ed over all values.

    :raises Invalid: another form.
    """
    choices: list[frozenset[str]] = []
    unwanted: set[str] = set()
    for value in values:
        text = value.strip()
        negated = text.startswith("!")
        if negated and not forbidden:
            raise Invalid(
                f"Forbidden {key} parameters are not supported in the specified microversion. Got: {value}"
            )
        rest = text.removeprefix("!")
        if "," in rest and not rest.startswith("in:"):
            raise Invalid(
                f"Multiple values for '{key}' must be prefixed with the 'in:' or '!in:' keyword using "
                f"the valid microversion. Got: {value}"
            )
        texts = _parts(rest.removeprefix("in:"))
        uuids = frozenset(uuid for text in texts if (uuid := canonical(text)) is not None)
        if len(uuids) < len(set(texts)):
            raise Invalid(
                f"Invalid query string parameters: Expected '{key}' parameter to contain valid UUID(s). "
                f"Got: {value}"
            )
        if negated:
            unwanted |= uuids
        else:
            choices.append(uuids)
    _require_few(len(choices), key)
    return AggregatesAsked(tuple(choices), frozenset(unwanted))


def _require_few(count: int, key: str) -> None:
    if count > _MOST_CHOICES:
        raise Invalid(
            f"Invalid query string parameters: at most {_MOST_CHOICES} conditions in '{key}' are taken."
        )
