"""Asking Placement where something fits: the question and the answer as values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import msgspec
import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class RequestGroup:
    """What providers must have and be. The unsuffixed group (suffix "") may be met by several
    providers of one tree and providers shared with it, a suffixed group by exactly one.

    ``any_of`` and ``member_of`` hold alternatives: one of each inner tuple is needed. ``member_of``
    and ``not_member_of`` are aggregate uuids, ``in_tree`` is the uuid of any provider of the tree.
    """

    suffix: str = ""
    resources: Mapping[str, int] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    any_of: tuple[tuple[str, ...], ...] = ()
    forbidden: tuple[str, ...] = ()
    member_of: tuple[tuple[str, ...], ...] = ()
    not_member_of: tuple[str, ...] = ()
    in_tree: str | None = None

    def parameters(self) -> Iterator[tuple[str, str]]:
        """The group in the query grammar of Placement 1.39."""
        suffix = self.suffix
        if self.resources:
            wanted = (f"{name}:{amount}" for name, amount in sorted(self.resources.items()))
            yield f"resources{suffix}", ",".join(wanted)
        if self.required or self.forbidden:
            yield f"required{suffix}", _traits(self.required, self.forbidden)
        for traits in self.any_of:
            yield f"required{suffix}", "in:" + ",".join(traits)
        for aggregates in self.member_of:
            yield f"member_of{suffix}", "in:" + ",".join(aggregates)
        if self.not_member_of:
            yield f"member_of{suffix}", "!in:" + ",".join(self.not_member_of)
        if self.in_tree:
            yield f"in_tree{suffix}", self.in_tree


@dataclass(frozen=True, slots=True)
class CandidateQuery:
    """A whole question.

    ``isolate`` puts each suffixed group on another provider. Each inner tuple of ``same_subtree``
    names groups whose providers must lie below one of them.
    """

    groups: tuple[RequestGroup, ...]
    limit: int | None = None
    isolate: bool = False
    root_required: tuple[str, ...] = ()
    root_forbidden: tuple[str, ...] = ()
    same_subtree: tuple[tuple[str, ...], ...] = ()

    def parameters(self) -> list[tuple[str, str]]:
        """The question in the query grammar of Placement 1.39."""
        asked = [parameter for group in self.groups for parameter in group.parameters()]
        if sum(1 for group in self.groups if group.suffix) > 1:
            asked.append(("group_policy", "isolate" if self.isolate else "none"))
        if self.root_required or self.root_forbidden:
            asked.append(("root_required", _traits(self.root_required, self.root_forbidden)))
        asked += [("same_subtree", ",".join(suffixes)) for suffixes in self.same_subtree]
        if self.limit is not None:
            asked.append(("limit", str(self.limit)))
        return asked


# An answer is made of thousands of the following. Dataclasses would make the garbage collector walk through all of them
# several times for each answer, which took longer than reading it; there are no cycles for it to find.
class AllocationRequest(msgspec.Struct, frozen=True, gc=False):
    """One way to satisfy the question: provider uuid -> class -> amount, ready to be claimed.

    ``mappings`` tells which providers serve which group (suffix -> provider uuids).
    """

    allocations: Mapping[str, Mapping[str, int]]
    mappings: Mapping[str, tuple[str, ...]]


class Room(msgspec.Struct, frozen=True, gc=False):
    """Of one class at one provider: what may be given out in all (overcommit included), and what is
    given out.
    """

    capacity: int
    used: int


class ProviderSummary(msgspec.Struct, frozen=True, gc=False):
    """A provider of a tree that occurs in the answer."""

    uuid: str
    parent: str | None
    root: str
    traits: frozenset[str]
    resources: Mapping[str, Room]


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Frame:
    """What many answers have in common. Two answers of one frame have the same requests and the same providers in the
    same order, with the same parents, roots, traits and classes; they differ in what is used.
    """

    uuids: tuple[str, ...]
    positions: Mapping[str, int]


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """What is free of each class at each provider of the frame (0 where it does not have the class), to count with all
    at once. Nobody writes into the arrays.
    """

    frame: Frame
    free: Mapping[str, npt.NDArray[np.int64]]

    @classmethod
    def of(cls, summaries: Mapping[str, ProviderSummary]) -> Columns:
        """The columns of an answer that resembles no other: its frame is its own.

        :raises OverflowError: amounts are beyond all sense.
        """
        positions = {uuid: position for position, uuid in enumerate(summaries)}
        names = {name for each in summaries.values() for name in each.resources}
        free = {name: np.zeros(len(summaries), dtype=np.int64) for name in names}
        for position, each in enumerate(summaries.values()):
            for name, room in each.resources.items():
                free[name][position] = room.capacity - room.used
        return cls(Frame(tuple(summaries), positions), free)


@dataclass(frozen=True, slots=True)
class Candidates:
    """The answer, in Placement's order; ``summaries`` by provider uuid.

    ``columns`` says the same as the summaries do, where an answer resembles an earlier one; None elsewhere.
    """

    requests: tuple[AllocationRequest, ...]
    summaries: Mapping[str, ProviderSummary]
    columns: Columns | None = field(default=None, compare=False)


def _traits(required: tuple[str, ...], forbidden: tuple[str, ...]) -> str:
    return ",".join((*required, *(f"!{trait}" for trait in forbidden)))
