"""Trees: who stands under whom, and what can be said of many trees at once because they look alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """How the usable providers of a tree stand to each other, by position; trees alike share one object.

    Positions count the tree's own providers, parents first, then the sharing providers from outside that serve it.
    ``lineage`` holds for each the positions of its ancestors and itself, as bits; ``origin`` numbers the tree that
    it is from, 0 being this one; ``sharing`` are the positions that share, as bits.
    """

    lineage: tuple[int, ...]
    origin: tuple[int, ...]
    sharing: int

    @property
    def own(self) -> int:
        """How many of the positions are the tree's own."""
        return self.origin.count(0)


class Tree:
    """One tree. It is made anew when a provider joins, leaves or moves, and its view fades when one changes."""

    __slots__ = ("own", "served", "shape", "summary", "usable", "uuids")

    def __init__(self, own: tuple[int, ...]) -> None:
        self.own = own  # rows, parents before children
        self.served: tuple[int, ...] = ()  # rows of the sharing providers from outside
        self.usable = own  # both
        self.uuids: tuple[bytes, ...] = ()  # of the usable ones
        self.shape = _NO_SHAPE
        self.summary: bytes | None = None  # as shown to clients; None when it has to be made

    @property
    def root(self) -> int:
        """The row of the root."""
        return self.own[0]


_NO_SHAPE = Shape((), (), 0)


class Shapes:
    """Gives equal shapes as one object."""

    def __init__(self) -> None:
        self._known: dict[object, Shape] = {}

    def of(
        self,
        usable: Sequence[int],
        lineage_of: Callable[[int], Iterable[int]],
        root_of: Callable[[int], int],
        sharing: set[int],
    ) -> Shape:
        """The shape of these rows; ``lineage_of`` gives a row and those of its ancestors."""
        position = {row: number for number, row in enumerate(usable)}
        lineage = tuple(
            sum(1 << position[above] for above in lineage_of(row) if above in position)
            for row in usable
        )
        numbers: dict[int, int] = {}
        origin = tuple(numbers.setdefault(root_of(row), len(numbers)) for row in usable)
        shares = sum(1 << number for number, row in enumerate(usable) if row in sharing)
        key = (lineage, origin, shares)
        if key not in self._known:
            self._known[key] = Shape(*key)
        return self._known[key]


def parents_first(root: int, children: Mapping[int, Iterable[int]]) -> list[int]:
    """The id of a provider and of all below it, level by level, each level in order."""
    found, level = [root], [root]
    while level:
        level = sorted(child for parent in level for child in children.get(parent, ()))
        found += level
    return found
