"""Which images do the servers of the host come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Self

from nova.scheduler.candidates import Candidate
from nova.scheduler.field import Numbers
from nova.scheduler.host_view import Ask
from nova.scheduler.lineup import Lineup
from nova.scheduler.weights.weigher import Weigher, WeigherOptions


class ImagePropertiesWeigher(Weigher):
    """Prefer hosts with many servers whose images have the same properties; with a negative multiplier, with few.

    Keeps guests of one operating system together, where licences are paid by host, or apart.
    """

    name = "image_props"
    needs_images: ClassVar[bool] = True

    def __init__(
        self, *, multiplier: float = 1.0, weights: Mapping[str, float] | None = None
    ) -> None:
        """``weights``: by property; those not named count 1."""
        super().__init__(multiplier=multiplier)
        self._weights = weights or {}

    @classmethod
    def from_options(cls, options: WeigherOptions, *, multiplier: float) -> Self:
        return cls(multiplier=multiplier, weights=options.image_props_weights)

    def weigh_all(self, candidates: Lineup, ask: Ask) -> Sequence[float] | Numbers:
        if not ask.spec.image_properties:
            return [0.0] * len(candidates)
        return super().weigh_all(candidates, ask)

    def weigh(self, candidate: Candidate, ask: Ask) -> float:
        wanted = ask.spec.image_properties
        return sum(
            image.servers * self._weights.get(name, 1.0)
            for image in candidate.host.images
            for name, value in image.properties.items()
            if name in wanted and wanted[name] == value
        )
