"""Asking the scheduler what a create request would meet, without making anything."""

from __future__ import annotations

from groundwork.context import RequestContext
from nova.domain.outlook import Outlook
from nova.lifecycle.accept import CreateRequest
from nova.rpc.bus import Address, Bus
from nova.scheduler.messages import SCHEDULER_TOPIC, DryRun

# Seconds that the scheduler may look for changes that help. More: whoever asks about a large cloud where nothing helps
# waits longer; fewer: some of the changes are not tried, which the answer tells.
_WITHIN_S = 20.0
# Seconds that the answer may take on top of it; more only makes the caller of a scheduler that is away wait longer.
_GRACE_S = 5.0


class DryRuns:
    """Asks any scheduler on the API bus."""

    def __init__(
        self,
        bus: Bus,
        *,
        max_attempts: int,
        within_s: float = _WITHIN_S,
        grace_s: float = _GRACE_S,
    ) -> None:
        """``max_attempts``: hosts on which a build may be tried, the first one included."""
        self._bus = bus
        self._alternates = max_attempts - 1
        self._within_s = within_s
        self._timeout_s = within_s + grace_s

    def ask(self, context: RequestContext, request: CreateRequest) -> Outlook:
        """What the request would meet now for all servers that it wants; its quota is not looked at.

        :raises Unavailable: no scheduler answers in time, or Placement does not answer it.
        """
        answer: Outlook = self._bus.call(
            context,
            Address(SCHEDULER_TOPIC),
            DryRun(
                spec=request.spec,
                count=request.max_count,
                alternates=self._alternates,
                within_s=self._within_s,
            ),
            timeout_s=self._timeout_s,
        )
        return answer
