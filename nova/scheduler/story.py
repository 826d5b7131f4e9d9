"""The story of one look for hosts: every constraint in its order, with the hosts it removed in each cell."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from nova.clients.explanations import Explanation
from nova.domain.outlook import Constraint, Where
from nova.scheduler.decision import OF_REQUEST
from nova.scheduler.demand_names import name_of
from nova.scheduler.funnel import Step, count_hosts
from nova.scheduler.hosts import HostTable

# Nodes that Placement offers and no cell knows.
NO_CELL = "no cell"


def tell_story(
    hosts: HostTable,
    explanation: Explanation | None,
    *,
    candidates: Iterable[str],
    missing: Mapping[str, str],
    rejected: Mapping[str, str],
    asked: Iterable[str],
    not_looked_at: Step,
    name_of: Callable[[str, str], str] = name_of,
) -> tuple[Constraint, ...]:
    """The constraints of Placement, then those on the nodes that it offered.

    Placement's trees count when a cell knows them as hosts; others, such as shared storage, are none.

    :param explanation: None from a Placement that explains nothing; then only the nodes that it offered are counted.
    :param candidates: the nodes that Placement offered; ``missing`` and ``rejected`` tell what removed some of them.
    :param asked: the constraints that ``rejected`` may name, in the order in which they are asked.
    :param not_looked_at: what keeps those away that Placement would have offered and did not get asked for.
    :param name_of: what people are told of a demand that is given in Placement's grammar.
    """
    offered = set(candidates)
    removed_by: dict[str, Step] = {}
    steps: dict[Step, None] = {}
    for demand in explanation.demands if explanation else ():
        step = Where.PLACEMENT, name_of(demand.key, demand.value)
        steps[step] = None
        # What is offered by now has met everything, though it may not have a moment ago.
        removed_by |= dict.fromkeys(set(demand.removed_roots) - offered, step)
    kept_away = set(explanation.candidate_roots) - offered if explanation else ()
    if kept_away:
        steps[not_looked_at] = None
        removed_by |= dict.fromkeys(kept_away, not_looked_at)
    cells = dict(hosts.cells_of([*removed_by, *offered]))
    cells |= {node: NO_CELL for node in offered if node not in cells}
    removed_by |= {node: (Where.CELLS, why) for node, why in missing.items() if node in offered}
    removed_by |= {node: _step_of(name) for node, name in rejected.items()}
    later = [(Where.CELLS, name) for name in dict.fromkeys(missing.values())]
    later += sorted((_step_of(name) for name in asked), key=lambda step: step[0] is Where.FILTER)
    steps |= dict.fromkeys(later)
    return count_hosts(cells, list(steps), removed_by)


def _step_of(name: str) -> Step:
    return (Where.REQUEST if name in OF_REQUEST else Where.FILTER), name
