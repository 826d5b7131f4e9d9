"""What prefilters add to the question that Placement is asked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from nova.scheduler.demand_names import choice, name_of

#: The suffix of the group that takes nothing and stands for the node itself; no flavor would choose it for its own.
NODE_GROUP = "_PREFILTERED"


@dataclass(frozen=True, slots=True)
class Membership:
    """Hosts in at least one of these aggregates (uuids, sorted); ``name`` is what people are told of it."""

    aggregates: tuple[str, ...]
    name: str


@dataclass(frozen=True, slots=True)
class Exclusion:
    """Hosts outside of this aggregate (uuid); ``name`` is what people are told of it."""

    aggregate: str
    name: str


@dataclass(frozen=True, slots=True)
class Restriction:
    """Which hosts Placement may offer at all. Every membership has to be met; traits are those of the node itself."""

    member_of: tuple[Membership, ...] = ()
    not_member_of: tuple[Exclusion, ...] = ()
    required: tuple[str, ...] = ()
    forbidden: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Whether it restricts anything."""
        return bool(self.member_of or self.not_member_of or self.required or self.forbidden)

    @property
    def choices(self) -> tuple[tuple[str, ...], ...]:
        """The aggregates of each membership; two memberships in the same ones are one demand."""
        return tuple(dict.fromkeys(each.aggregates for each in self.member_of))

    @property
    def excluded(self) -> tuple[str, ...]:
        """The aggregates to stay out of."""
        return tuple(sorted({each.aggregate for each in self.not_member_of}))

    def causes(self, key: str, value: str) -> bool:
        """Whether this restriction asks a demand of a query, which is given in Placement's grammar."""
        if key == "root_required":
            return value in self.required or value.removeprefix("!") in self.forbidden
        return bool(self._names(key, value))

    def name_of(self, key: str, value: str) -> str:
        """What people are told of any demand: why there is this restriction, or the plain name of another demand."""
        return " and ".join(self._names(key, value)) or name_of(key, value)

    def _names(self, key: str, value: str) -> list[str]:
        if key == f"required{NODE_GROUP}" or (key, value) == ("same_subtree", NODE_GROUP):
            # That it is the node which is in the right aggregates: what that removes, the last of them does.
            names = [each.name for each in self.member_of]
            names += [each.name for each in self.not_member_of]
            return names[-1:]
        if not key.startswith("member_of"):
            return []
        inside = (each.name for each in self.member_of if choice(each.aggregates) == value)
        outside = (each.name for each in self.not_member_of if f"!{each.aggregate}" == value)
        return list(dict.fromkeys((*inside, *outside)))


def combine(restrictions: Iterable[Restriction]) -> Restriction:
    """All of them together."""
    found = tuple(restrictions)
    return Restriction(
        member_of=tuple(each for one in found for each in one.member_of),
        not_member_of=tuple(each for one in found for each in one.not_member_of),
        required=tuple(sorted({trait for one in found for trait in one.required})),
        forbidden=tuple(sorted({trait for one in found for trait in one.forbidden})),
    )
