"""Is the host in the cell in which the server is already."""

from __future__ import annotations

from collections.abc import Sequence

from nova.scheduler.candidates import Candidate
from nova.scheduler.host_view import Ask
from nova.scheduler.lineup import Lineup
from nova.scheduler.weights.weigher import Weigher


class CrossCellWeigher(Weigher):
    """Prefer hosts of the cell in which a moved server is; with a negative multiplier, of other cells.

    Moving between cells takes longer and copies the disk. Its multiplier is so large that no other preference counts
    against it. New servers are in no cell, all hosts are equal to them.
    """

    name = "cross_cell_move"

    def weigh(self, candidate: Candidate, ask: Ask) -> float:
        return float(candidate.host.cell_uuid == ask.spec.current_cell)

    def weigh_all(self, candidates: Lineup, ask: Ask) -> Sequence[float]:
        current = ask.spec.current_cell
        if current is None:
            return [0.0] * len(candidates)
        return [float(host.cell_uuid == current) for host in candidates.hosts]
