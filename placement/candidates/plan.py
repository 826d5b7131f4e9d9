"""A request laid out over the index: its parts, where each could go, and the trees that come into question."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from placement.candidates import constraints
from placement.candidates.constraints import mask_of, trees_having
from placement.candidates.index.columns import Mask, Rows
from placement.candidates.index.index import Index
from placement.candidates.request import UNSUFFIXED, CandidateRequest, Group

Codes = npt.NDArray[np.int64]

# Sums of amounts of one class that are looked at in advance; with more of them every provider counts as unlike all
# others, which is right at any price.
_MANY_SUMS = 64

_CODE_BITS = 62


@dataclass(frozen=True, slots=True, eq=False)
class Slot:
    """Something that exactly one provider has to serve, and those that could, each on its own."""

    suffix: str
    resources: Mapping[str, int]
    options: Mask


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """``together``: of the providers of the unsuffixed group one at least is in each of these masks.

    ``roots``: the trees in which each slot and each of these has somebody, in the order in which they were made.
    """

    request: CandidateRequest
    slots: tuple[Slot, ...]
    together: tuple[Mask, ...]
    roots: Rows


def make_plan(index: Index, request: CandidateRequest) -> Plan:
    """The plan of a request; none of its masks changes afterwards, but the index must not either."""
    slots: list[Slot] = []
    together: list[Mask] = []
    for group in request.groups:
        found = slots_of(index, group)
        slots += found
        if group.suffix == UNSUFFIXED:
            wanted = constraints.traits_wanted(index, group.required, "required")
            together += [constraint.met for constraint in wanted]
    open_roots = root_mask(index, request)
    for slot in slots:
        open_roots &= trees_having(index, slot.options)
    for mask in together:
        # The traits may be spread over the providers used; if nobody who could be used has one, no choice has.
        usable = _any_of(slot.options for slot in slots if slot.suffix == UNSUFFIXED)
        open_roots &= trees_having(index, mask & usable)
    rows = np.flatnonzero(open_roots).astype(np.int32)
    return Plan(request, tuple(slots), tuple(together), index.in_order(rows))


def root_mask(index: Index, request: CandidateRequest) -> Mask:
    """The roots of all trees that may be searched at all."""
    mask = index.root_rows == np.arange(index.size)
    for constraint in root_constraints(index, request):
        mask &= constraint.met
    return mask


def root_constraints(index: Index, request: CandidateRequest) -> list[constraints.Constraint]:
    """What ``root_required`` demands of roots."""
    asked, key = request.root_required, "root_required"
    wanted = constraints.traits_wanted(index, asked, key)
    return wanted + constraints.traits_unwanted(index, asked, key)


def slots_of(index: Index, group: Group) -> list[Slot]:
    """The slots of a group: one per class of the unsuffixed group, one for a suffixed group."""
    key = f"required{group.suffix}"
    common = constraints.place_of(index, group)
    common += constraints.traits_unwanted(index, group.required, key)
    room = constraints.room_for(index, group)
    if group.suffix == UNSUFFIXED:
        return [
            Slot(UNSUFFIXED, {name: amount}, _all_of(index, [*common, here]))
            for (name, amount), here in zip(group.resources.items(), room, strict=True)
        ]
    common += constraints.traits_wanted(index, group.required, key)
    return [Slot(group.suffix, group.resources, _all_of(index, [*common, *room]))]


def codes_of(index: Index, plan: Plan) -> Codes:
    """A number by row: providers with the same number are the same to this request in every respect of their own."""
    codes = np.zeros(index.size, np.int64)
    width = 0
    masks = [slot.options for slot in plan.slots] + list(plan.together)
    for name, sums in _sums_by_class(plan.slots).items():
        if len(sums) > _MANY_SUMS:
            return np.arange(index.size, dtype=np.int64)
        column = index.columns.get(name)
        if column is not None:
            masks += [mask_of(index, column.fitting(total)) for total in sorted(sums)]
    for mask in masks:
        if width == _CODE_BITS:
            _, codes = np.unique(codes, return_inverse=True)
            width = int(codes.max(initial=0)).bit_length()
        codes = codes << 1 | mask
        width += 1
    return codes


def _sums_by_class(slots: Sequence[Slot]) -> dict[str, set[int]]:
    """By class, what several slots at one provider could ask for in sum."""
    single: dict[str, set[int]] = {}
    several: dict[str, set[int]] = {}
    for slot in slots:
        for name, amount in slot.resources.items():
            sums = several.setdefault(name, set())
            if len(sums) <= _MANY_SUMS:
                sums |= {amount + other for other in sums | single.get(name, set())}
            single.setdefault(name, set()).add(amount)
    return several


def _all_of(index: Index, found: Iterable[constraints.Constraint]) -> Mask:
    mask = index.placed
    for constraint in found:
        mask = mask & constraint.met
    return mask


def _any_of(masks: Iterable[Mask]) -> Mask:
    first, *others = masks
    for mask in others:
        first = first | mask
    return first
