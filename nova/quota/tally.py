"""A demand beside the limits that it meets: plain numbers, wherever they were found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from groundwork.errors import OverQuota

UNLIMITED = -1


@dataclass(frozen=True, slots=True)
class Demand:
    """What a request would add. It is refused when not even ``min_count`` servers fit.

    ``resources_each`` are the amounts by resource class, vCPUs and memory among them, where the class is what counts.
    """

    min_count: int
    max_count: int
    vcpus_each: int
    memory_mb_each: int
    resources_each: Mapping[str, int] = field(default_factory=dict)
    #: 0 when servers that are there already grow.
    servers_each: int = 1


@dataclass(frozen=True, slots=True)
class Tally:
    """One limit, what is used of it, and what each server of a demand would add."""

    resource: str
    limit: int
    used: int
    each: int

    def is_over(self, count: int) -> bool:
        """Whether so many servers would exceed the limit; a demand for nothing never does."""
        return self.each > 0 and is_over(self.limit, self.used, count * self.each)

    @property
    def room(self) -> int | None:
        """How many servers the limit still lets in; None for any number."""
        if self.limit == UNLIMITED or not self.each:
            return None
        return (self.limit - self.used) // self.each


def admit(demand: Demand, holders: Iterable[Sequence[Tally]]) -> int:
    """How many servers all limits let in, at most ``max_count``; ``holders``: the limits of each who has some.

    :raises OverQuota: fewer than ``min_count``; the text is the one that clients know, on the first holder's limits
        that are too low.
    """
    allowed = demand.max_count
    for tallies in holders:
        over = [tally for tally in tallies if tally.is_over(demand.min_count)]
        if over:
            raise _refusal(over, demand.min_count)
        allowed = min([allowed, *(tally.room for tally in tallies if tally.room is not None)])
    return allowed


def is_over(limit: int, used: int, asked: int) -> bool:
    """Whether ``asked`` more would exceed the limit."""
    return limit != UNLIMITED and used + asked > limit


def _refusal(over: Sequence[Tally], count: int) -> OverQuota:
    over = sorted(over, key=lambda tally: tally.resource)
    names = ", ".join(tally.resource for tally in over)
    return OverQuota(
        f"Quota exceeded for {names}: "
        f"Requested {', '.join(str(count * tally.each) for tally in over)}, "
        f"but already used {', '.join(str(tally.used) for tally in over)} "
        f"of {', '.join(str(tally.limit) for tally in over)} {names}",
        over=[tally.resource for tally in over],
    )
