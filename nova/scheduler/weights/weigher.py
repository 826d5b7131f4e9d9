"""What a weigher is: one number for how much a candidate is to be preferred."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Self

from nova.scheduler.candidates import Candidate
from nova.scheduler.field import Numbers
from nova.scheduler.host_view import AggregateView, Ask, values_in
from nova.scheduler.lineup import Lineup


@dataclass(frozen=True, slots=True)
class WeigherOptions:
    """What operators decide about weighers, besides their multipliers."""

    #: What a property counts; those not named count 1.
    image_props_weights: Mapping[str, float] = field(default_factory=dict)
    #: What a unit of a metric counts; those not named do not.
    metrics_weights: Mapping[str, float] = field(default_factory=dict)
    #: Whether a host has to report these metrics, and what it comes to when it need not and does not.
    metrics_required: bool = True
    metrics_weight_of_unavailable: float = -10_000.0


class Weigher:
    """One preference. Weighers keep nothing between calls.

    Numbers of all candidates are stretched to 0..1 (all 0 when they are equal) and multiplied by ``multiplier``; a
    negative multiplier turns the preference round. An aggregate's metadata under ``<name>_weight_multiplier``
    counts before the option for its hosts (the smallest, when several say something).
    """

    #: Begins the name of the option: ``ram`` for ``ram_weight_multiplier``.
    name: ClassVar[str]
    #: -1 when more is worse. Numbers turned round instead would make a host whose aggregate has the multiplier 0 as bad
    #: as the worst, and not as good as the best.
    sense: ClassVar[int] = 1
    #: Whether the weigher reads ``num_instances`` or ``num_io_ops``, which cost a query of each cell.
    needs_counts: ClassVar[bool] = False
    #: Whether the weigher reads ``images`` of the host, which cost another one.
    needs_images: ClassVar[bool] = False

    #: Whether ``multiplier_of`` may tell hosts apart that are in the same aggregates.
    knows_multipliers: ClassVar[bool] = False

    def __init__(self, *, multiplier: float = 1.0) -> None:
        self.multiplier = multiplier

    @classmethod
    def from_options(cls, options: WeigherOptions, *, multiplier: float) -> Self:
        """The weigher as configured; those without options of their own keep this."""
        return cls(multiplier=multiplier)

    @property
    def multiplier_key(self) -> str:
        """The option, and the key in aggregates' metadata."""
        return f"{self.name}_weight_multiplier"

    def weigh(self, candidate: Candidate, ask: Ask) -> float:
        """More is better, or worse as ``sense`` says; any scale."""
        raise NotImplementedError

    def weigh_all(self, candidates: Lineup, ask: Ask) -> Sequence[float] | Numbers:
        """The numbers of many candidates, in their order; to be overridden only where that is faster.

        It is not asked in classes that derive from the one which has it and change ``weigh``.
        """
        return [self.weigh(candidate, ask) for candidate in candidates]

    def multiplier_of(self, candidate: Candidate) -> float:
        """The multiplier that counts for this host, turned round where more is worse."""
        return self.multiplier_for(candidate.host.aggregates)

    def multiplier_for(self, aggregates: Sequence[AggregateView]) -> float:
        """The same for every host that is in these aggregates."""
        said = [
            number
            for text in values_in(aggregates, self.multiplier_key)
            if (number := _number(text)) is not None
        ]
        return self.sense * min(said, default=self.multiplier)


def _number(text: str) -> float | None:
    """Metadata is free text: what is no number is as good as not there."""
    try:
        number = float(text)
    except ValueError:
        return None
    # NaN and infinities would make all weights meaningless.
    return number if abs(number) < float("inf") else None
