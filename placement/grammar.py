"""The little languages of queries: amounts of resources, traits, aggregates.

Which parts of them a client may use depends on its version, so each parser is told; what comes out is the same for
all versions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from groundwork.errors import Invalid
from placement.uuids import canonical

_AMOUNT = re.compile(r"([A-Z0-9_]{1,255}):([0-9]+)")
_NAME = re.compile(r"[A-Z0-9_]{1,255}")


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
    """``CLASS:n,CLASS:n`` with n at least 1; of a class given twice the last counts.

    :raises Invalid: anything else.
    """
    amounts: dict[str, int] = {}
    for part in text.split(","):
        match = _AMOUNT.fullmatch(part)
        # More digits than this mean a slip or an attack; Python refuses to convert thousands of them.
        amount = int(match[2]) if match and len(match[2]) <= 100 else 0
        if match is None or amount < 1:
            raise Invalid(
                "Badly formed resources parameter. Expected resources query string in form: "
                f"?resources=VCPU:2,MEMORY_MB:1024. Got: {text}."
            )
        amounts[match[1]] = amount
    return amounts


def parse_traits(
    values: Iterable[str], *, forbidden: bool, any_of: bool, key: str = "required"
) -> TraitsAsked:
    """``A,!B`` and ``in:A,B``, and-ed over all values; ``forbidden`` and ``any_of`` say which of these are known.

    :raises Invalid: another form, or a trait that is needed and forbidden at once.
    """
    needed: set[str] = set()
    unwanted: set[str] = set()
    choices: list[frozenset[str]] = []
    for value in values:
        if any_of and value.startswith("in:"):
            choices.append(frozenset(_trait_names(value[3:].split(","), value, key)))
            continue
        parts = value.split(",")
        negated = [part[1:] for part in parts if forbidden and part.startswith("!")]
        plain = [part for part in parts if not (forbidden and part.startswith("!"))]
        unwanted.update(_trait_names(negated, value, key))
        needed.update(_trait_names(plain, value, key))
    both = needed & unwanted
    if both:
        raise Invalid(
            f"Conflicting required and forbidden traits found in {key}: {', '.join(sorted(both))}."
        )
    return TraitsAsked(frozenset(needed), tuple(choices), frozenset(unwanted))


def _trait_names(names: Sequence[str], value: str, key: str) -> Sequence[str]:
    for name in names:
        if not _NAME.fullmatch(name):
            raise Invalid(
                f"Invalid query string parameters: bad trait name '{name}' in {key}={value}."
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
        negated = forbidden and value.startswith("!")
        rest = value[1:] if negated else value
        texts = rest[3:].split(",") if rest.startswith("in:") else [rest]
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
    return AggregatesAsked(tuple(choices), frozenset(unwanted))
