"""The scheduler as the super-conductor reaches it."""

from __future__ import annotations

from collections.abc import Sequence

from groundwork.context import RequestContext
from nova.domain.request_spec import RequestSpec
from nova.domain.selection import ServerSelection
from nova.rpc.bus import Address, Bus
from nova.scheduler.messages import SCHEDULER_TOPIC, SelectDestinations, Selections

# Seconds for one request of many servers. A scheduler that dies is noticed by the silence that the bus bears.
_TIMEOUT_S = 120.0


class RemoteScheduling:
    """Asks any scheduler on the API bus."""

    def __init__(self, bus: Bus, *, max_attempts: int) -> None:
        """``max_attempts``: hosts on which a build may be tried, the first one included."""
        self._bus = bus
        self._alternates = max_attempts - 1

    def select(
        self, context: RequestContext, spec: RequestSpec, servers: Sequence[str]
    ) -> Sequence[ServerSelection]:
        """See :class:`nova.lifecycle.tools.Scheduling`."""
        answer: Selections = self._bus.call(
            context,
            Address(SCHEDULER_TOPIC),
            SelectDestinations(spec=spec, servers=tuple(servers), alternates=self._alternates),
            timeout_s=_TIMEOUT_S,
        )
        return answer.servers
