"""Hosts counted constraint by constraint: how many each removed and left, in all and in each cell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from nova.domain.outlook import Constraint, Count, Where

Step = tuple[Where, str]


def count_hosts(
    cells: Mapping[str, str], steps: Sequence[Step], removed_by: Mapping[str, Step]
) -> tuple[Constraint, ...]:
    """The constraints in their order with their counts, which add up by construction.

    :param cells: the cell of every host, by node uuid.
    :param removed_by: which step removed a node; nodes that are not in it passed all.
    """
    left = Counter(cells.values())
    removed: dict[Step, Counter[str]] = {step: Counter() for step in steps}
    for node, cell in cells.items():
        if node in removed_by:
            removed[removed_by[node]][cell] += 1
    found = []
    for step in removed:
        gone = removed[step]
        left -= Counter(gone)
        where, name = step
        found.append(
            Constraint(
                name=name,
                where=where,
                removed=gone.total(),
                left=left.total(),
                by_cell={
                    cell: Count(gone[cell], left[cell]) for cell in sorted(set(cells.values()))
                },
            )
        )
    return tuple(found)


def table(constraints: Sequence[Constraint]) -> str:
    """The counts as text, a line for each constraint; empty when there are none."""
    if not constraints:
        return ""
    first = constraints[0]
    total = {cell: count.removed + count.left for cell, count in first.by_cell.items()}
    lines = [f"Hosts at first: {first.removed + first.left}{_by_cell(total)}"]
    for one in constraints:
        removed = _by_cell({cell: count.removed for cell, count in one.by_cell.items()})
        left = _by_cell({cell: count.left for cell, count in one.by_cell.items()})
        lines.append(
            f"{one.where.value}: {one.name} removed {one.removed}{removed}, left {one.left}{left}"
        )
    return "\n".join(lines)


def _by_cell(counts: Mapping[str, int]) -> str:
    told = ", ".join(f"{cell} {count}" for cell, count in counts.items() if count)
    return f" ({told})" if told else ""
