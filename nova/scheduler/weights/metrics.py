"""What do hosts measure of themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Self

from groundwork.errors import Unavailable
from nova.scheduler.candidates import Candidate
from nova.scheduler.field import Numbers
from nova.scheduler.host_view import Ask
from nova.scheduler.lineup import Lineup
from nova.scheduler.weights.weigher import Weigher, WeigherOptions


class MetricsWeigher(Weigher):
    """Prefer hosts by what they report, such as the load of their CPUs; each metric counts as operators say.

    Computes report metrics when ``compute_monitors`` is set there. A host without one of those that count comes to
    ``weight_of_unavailable``, or, when they are required, fails the request: then ``MetricsFilter`` should have taken
    it out.
    """

    name = "metrics"

    def __init__(
        self,
        *,
        multiplier: float = 1.0,
        weights: Mapping[str, float] | None = None,
        required: bool = True,
        weight_of_unavailable: float = -10_000.0,
    ) -> None:
        """``weights``: what one unit of a metric counts; those not named do not."""
        super().__init__(multiplier=multiplier)
        self._weights = weights or {}
        self._required = required
        self._of_unavailable = weight_of_unavailable

    @classmethod
    def from_options(cls, options: WeigherOptions, *, multiplier: float) -> Self:
        return cls(
            multiplier=multiplier,
            weights=options.metrics_weights,
            required=options.metrics_required,
            weight_of_unavailable=options.metrics_weight_of_unavailable,
        )

    def weigh(self, candidate: Candidate, ask: Ask) -> float:
        """:raises Unavailable: a required metric is not there."""
        metrics = candidate.host.metrics
        total = 0.0
        for name, weight in self._weights.items():
            if name not in metrics:
                return self._unavailable(candidate, name)
            total += weight * metrics[name]
        return total

    def weigh_all(self, candidates: Lineup, ask: Ask) -> Sequence[float] | Numbers:
        if not self._weights:
            return [0.0] * len(candidates)
        return super().weigh_all(candidates, ask)

    def _unavailable(self, candidate: Candidate, name: str) -> float:
        # Where metrics count nothing, nobody has to report any.
        if self._required and self.multiplier_of(candidate):
            raise Unavailable(
                "A host does not report what the scheduler has to weigh it by.",
                internal=f"host {candidate.host.host} reports no {name}, see [metrics] required",
            )
        return self._of_unavailable
