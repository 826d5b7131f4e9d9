"""Questions to Placement that ask for a little less than a given one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from nova.clients.candidates import CandidateQuery, RequestGroup
from nova.scheduler.demand import DISABLED_TRAIT
from nova.scheduler.demand_names import choice, name_of

# Without these there is no server; they can only be reduced.
_NEEDED = frozenset({"VCPU", "PCPU", "MEMORY_MB", "DISK_GB"})


@dataclass(frozen=True, slots=True)
class LesserQuery:
    """A question with one demand fewer; ``key`` and ``value`` are that demand in Placement's query grammar."""

    key: str
    value: str
    query: CandidateQuery

    @property
    def name(self) -> str:
        """As people are told: ``trait CUSTOM_X``, ``aggregate ...``, ``VGPU (1 asked)``."""
        name = name_of(self.key, self.value)
        return f"trait {name}" if self.key.startswith(("required", "root_required")) else name


def without_one(query: CandidateQuery) -> Iterator[LesserQuery]:
    """Every question with one demand fewer. That a host is enabled is no demand of the request."""
    for trait in query.root_required:
        rest = _less(query.root_required, trait)
        yield LesserQuery("root_required", trait, replace(query, root_required=rest))
    for trait in query.root_forbidden:
        if trait != DISABLED_TRAIT:
            rest = _less(query.root_forbidden, trait)
            yield LesserQuery("root_required", f"!{trait}", replace(query, root_forbidden=rest))
    for number, group in enumerate(query.groups):
        for key, value, lesser in _lesser_groups(group):
            yield LesserQuery(key + group.suffix, value, _with_group(query, number, lesser))
    for suffixes in query.same_subtree:
        same = tuple(other for other in query.same_subtree if other is not suffixes)
        value = ",".join(sorted(suffixes))
        yield LesserQuery("same_subtree", value, replace(query, same_subtree=same))
    if query.isolate:
        yield LesserQuery("group_policy", "isolate", replace(query, isolate=False))


def with_amount(query: CandidateQuery, number: int, name: str, amount: int) -> CandidateQuery:
    """The question with another amount of a class in the group of that number."""
    group = query.groups[number]
    return _with_group(query, number, replace(group, resources={**group.resources, name: amount}))


def _lesser_groups(group: RequestGroup) -> Iterator[tuple[str, str, RequestGroup]]:
    for trait in group.required:
        yield "required", trait, replace(group, required=_less(group.required, trait))
    for trait in group.forbidden:
        yield "required", f"!{trait}", replace(group, forbidden=_less(group.forbidden, trait))
    for traits in group.any_of:
        rest = tuple(other for other in group.any_of if other is not traits)
        yield "required", _choice(traits), replace(group, any_of=rest)
    for aggregates in group.member_of:
        rest = tuple(other for other in group.member_of if other is not aggregates)
        yield "member_of", choice(aggregates), replace(group, member_of=rest)
    for aggregate in group.not_member_of:
        rest_of = _less(group.not_member_of, aggregate)
        yield "member_of", f"!{aggregate}", replace(group, not_member_of=rest_of)
    for name, amount in group.resources.items():
        resources = {other: n for other, n in group.resources.items() if other != name}
        if resources and name not in _NEEDED:
            yield "resources", f"{name}:{amount}", replace(group, resources=resources)


def _with_group(query: CandidateQuery, number: int, group: RequestGroup) -> CandidateQuery:
    return replace(query, groups=(*query.groups[:number], group, *query.groups[number + 1 :]))


def _less(names: tuple[str, ...], without: str) -> tuple[str, ...]:
    return tuple(name for name in names if name != without)


def _choice(names: tuple[str, ...]) -> str:
    return f"in:{','.join(sorted(names))}"
