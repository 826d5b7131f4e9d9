"""Weighers out of classes that have ``_weigh_object``."""

from __future__ import annotations

from typing import Any, ClassVar

from groundwork.errors import Invalid
from nova.scheduler.candidates import Candidate
from nova.scheduler.foreign_views import HostState, RequestSpecView
from nova.scheduler.host_view import Ask
from nova.scheduler.weights.weigher import Weigher


class BaseHostWeigher:
    """What operators' weighers derive from, if from anything; ``_weigh_object`` is theirs to define."""

    minval: float | None = None
    maxval: float | None = None

    def weight_multiplier(self, host_state: Any) -> float:
        """What the stretched number of this host is multiplied by."""
        return 1.0


class ForeignWeigher(Weigher):
    """A weigher that asks an operator's own; made by :func:`weigher_of`."""

    needs_counts: ClassVar[bool] = True
    knows_multipliers: ClassVar[bool] = True

    foreign: ClassVar[type]

    def __init__(self, *, multiplier: float = 1.0) -> None:
        super().__init__(multiplier=multiplier)
        self._foreign = self.foreign()

    def weigh(self, candidate: Candidate, ask: Ask) -> float:
        return float(self._foreign._weigh_object(HostState(candidate), RequestSpecView(ask)))

    def multiplier_of(self, candidate: Candidate) -> float:
        own = getattr(self._foreign, "weight_multiplier", None)
        return self.multiplier if own is None else float(own(HostState(candidate)))


def weigher_of(foreign: type) -> type[Weigher] | None:
    """A weigher of the same name that weighs as this class does; None when it has no ``_weigh_object``.

    :raises Invalid: it sets the ends of its scale, which are the smallest and largest number among the candidates here.
    """
    if not callable(getattr(foreign, "_weigh_object", None)):
        return None
    if any(getattr(foreign, name, None) is not None for name in ("minval", "maxval")):
        raise Invalid(f"{foreign.__name__} sets minval or maxval, which cannot be set here.")
    values = {"foreign": foreign, "name": foreign.__name__, "__module__": foreign.__module__}
    return type(foreign.__name__, (ForeignWeigher,), values)
