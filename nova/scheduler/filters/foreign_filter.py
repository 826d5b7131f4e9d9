"""Filters out of classes that have ``host_passes``."""

from __future__ import annotations

from typing import Any, ClassVar

from nova.scheduler.candidates import Candidate
from nova.scheduler.filters.filter import Filter, Reason
from nova.scheduler.foreign_views import HostState, RequestSpecView
from nova.scheduler.host_view import Ask


class BaseHostFilter:
    """What operators' filters derive from, if from anything: every host passes until ``host_passes`` is overridden."""

    def host_passes(self, host_state: Any, spec_obj: Any) -> bool:
        """Whether the host can take the request."""
        return True


class ForeignFilter(Filter):
    """A filter that asks an operator's own; made by :func:`filter_of`."""

    # Nobody can tell what it reads.
    needs_counts: ClassVar[bool] = True
    needs_room: ClassVar[bool] = True

    foreign: ClassVar[type]

    def __init__(self) -> None:
        self._foreign = self.foreign()

    def reject_candidate(self, candidate: Candidate, ask: Ask) -> Reason | None:
        if self._foreign.host_passes(HostState(candidate), RequestSpecView(ask)):
            return None
        return self.because("host_passes says no")


def filter_of(foreign: type) -> type[Filter] | None:
    """A filter of the same name that decides as this class does; None when it has no ``host_passes``."""
    if not callable(getattr(foreign, "host_passes", None)):
        return None
    return type(
        foreign.__name__, (ForeignFilter,), {"foreign": foreign, "__module__": foreign.__module__}
    )
