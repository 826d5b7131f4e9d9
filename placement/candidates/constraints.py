"""What a request demands, one demand at a time: for each the providers that meet it, as a mask over the index."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from placement.candidates.index.columns import Mask, Rows
from placement.candidates.index.index import Index
from placement.candidates.request import UNSUFFIXED, Group
from placement.grammar import AggregatesAsked, TraitsAsked


@dataclass(frozen=True, slots=True, eq=False)
class Constraint:
    """One demand as the query puts it (``required1=!TRAIT``: key ``required1``, value ``!TRAIT``)."""

    key: str
    value: str
    met: Mask


def room_for(index: Index, group: Group) -> list[Constraint]:
    """Which providers can take the amount of each class that the group asks for."""
    key = f"resources{group.suffix}"
    return [
        Constraint(key, f"{name}:{amount}", _fitting(index, name, amount))
        for name, amount in group.resources.items()
    ]


def traits_wanted(index: Index, asked: TraitsAsked, key: str) -> list[Constraint]:
    """Which providers carry each trait, or one of each choice, that has to be there."""
    size = index.size
    each = [
        Constraint(key, name, index.bits.carrying_all([name], size))
        for name in sorted(asked.all_of)
    ]
    choices = [
        Constraint(key, f"in:{','.join(sorted(choice))}", index.bits.carrying_any(choice, size))
        for choice in asked.any_of
    ]
    return each + choices


def traits_unwanted(index: Index, asked: TraitsAsked, key: str) -> list[Constraint]:
    """Which providers lack each trait that must not be there."""
    return [
        Constraint(key, f"!{name}", ~index.bits.carrying_all([name], index.size))
        for name in sorted(asked.none_of)
    ]


def place_of(index: Index, group: Group) -> list[Constraint]:
    """Which providers are in the aggregates and in the tree that the group is bound to."""
    with_root = group.suffix == UNSUFFIXED
    found = list(_memberships(index, group.member_of, f"member_of{group.suffix}", with_root))
    if group.in_tree is not None:
        row = index.row_of(group.in_tree)
        met = np.zeros(index.size, np.bool_)
        if row is not None:
            met = index.root_rows == index.root_rows[row]
        found.append(Constraint(f"in_tree{group.suffix}", group.in_tree, met))
    return found


def trees_having(index: Index, providers: Mask) -> Mask:
    """The roots of the trees that can use one of these providers: their own, or one that shares with them."""
    reached = np.zeros(index.size, np.bool_)
    reached[index.root_rows[providers & index.placed]] = True
    reached[index.serving.reached(providers)] = True
    return reached


def _fitting(index: Index, resource_class: str, amount: int) -> Mask:
    column = index.columns.get(resource_class)
    return mask_of(index, column.fitting(amount) if column is not None else ())


def mask_of(index: Index, rows: Rows | Iterable[int]) -> Mask:
    """A mask with these rows."""
    mask = np.zeros(index.size, np.bool_)
    if not isinstance(rows, np.ndarray):
        rows = np.fromiter(rows, np.int32)
    mask[rows] = True
    return mask


def _memberships(
    index: Index, asked: AggregatesAsked, key: str, with_root: bool
) -> Iterator[Constraint]:
    """An aggregate on a root counts for its whole tree in the unsuffixed group, and for itself alone elsewhere."""

    def members(aggregates: Iterable[str]) -> Mask:
        mask = mask_of(index, (row for one in aggregates for row in index.members.get(one, ())))
        # Rows in no tree have a root of -1, which reads some other row; they are never used anyway.
        return mask | mask[index.root_rows] if with_root and index.size else mask

    for choice in asked.any_of:
        names = sorted(choice)
        value = names[0] if len(names) == 1 else f"in:{','.join(names)}"
        yield Constraint(key, value, members(choice))
    for name in sorted(asked.none_of):
        yield Constraint(key, f"!{name}", ~members([name]))
