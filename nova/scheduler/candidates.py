"""A candidate: a host, the ways to fit a server on it, and what is left there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from nova.clients.candidates import AllocationRequest, ProviderSummary
from nova.scheduler.host_view import HostView


class Ledger:
    """What is left on providers: Placement's answer less what this decision has given out since."""

    def __init__(self, summaries: Mapping[str, ProviderSummary]) -> None:
        self._summaries = summaries
        self._taken: defaultdict[tuple[str, str], int] = defaultdict(int)

    def free(self, provider: str, resource_class: str) -> int:
        """What may still be given out; 0 of a class that the provider does not have."""
        summary = self._summaries.get(provider)
        room = summary.resources.get(resource_class) if summary else None
        if room is None:
            return 0
        free = room.capacity - room.used
        # Most decisions give out nothing before they end; looking it up then costs more than all the rest here.
        return free - self._taken[provider, resource_class] if self._taken else free

    @property
    def is_untouched(self) -> bool:
        """Whether this decision has given out nothing yet."""
        return not self._taken

    def used(self, provider: str, resource_class: str) -> int:
        """What is given out already; 0 of a class that the provider does not have."""
        summary = self._summaries.get(provider)
        room = summary.resources.get(resource_class) if summary else None
        return room.used + self._taken.get((provider, resource_class), 0) if room else 0

    def fits(self, request: AllocationRequest) -> bool:
        """Whether one more server fits in this way."""
        if not self._taken:
            return True
        return all(
            amount <= self.free(provider, name)
            for provider, on in request.allocations.items()
            for name, amount in on.items()
        )

    def take(self, request: AllocationRequest) -> None:
        """Note that a server was placed in this way."""
        for provider, on in request.allocations.items():
            for name, amount in on.items():
                self._taken[provider, name] += amount


@dataclass(slots=True)
class Candidate:
    """A host on which Placement sees room, and the ways to use it, best first as Placement gave them.

    ``host`` and ``requests`` change while servers of one request are placed; nothing else of a decision does.
    """

    host: HostView
    requests: list[AllocationRequest]
    providers: tuple[str, ...]
    ledger: Ledger

    def free(self, resource_class: str) -> int:
        """What is left of a class on all providers that the ways use, shared ones included."""
        free = self.ledger.free
        if len(self.providers) == 1:
            return free(self.providers[0], resource_class)
        return sum(free(provider, resource_class) for provider in self.providers)

    def used(self, resource_class: str) -> int:
        """What is given out of a class on these providers."""
        return sum(self.ledger.used(provider, resource_class) for provider in self.providers)

    def way(self) -> AllocationRequest | None:
        """How to place the next server here; None when nothing is left."""
        fits = self.ledger.fits
        for request in self.requests:
            if fits(request):
                return request
        return None
