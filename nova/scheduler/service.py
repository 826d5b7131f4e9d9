"""The scheduler's door on the bus."""

from __future__ import annotations

import random
from collections.abc import Callable

from nova.clients.deadline import Deadline
from nova.context import RequestContext
from nova.domain.outlook import Outlook
from nova.scheduler.claims import Placement
from nova.scheduler.messages import DryRun, SelectDestinations, Selections
from nova.scheduler.rehearsal import Rehearsal
from nova.scheduler.selection import Selector


class SchedulerEndpoint:
    """What ``Bus.serve`` offers under the topic ``scheduler``. Thread safe."""

    def __init__(
        self,
        *,
        selector: Selector,
        rehearsal: Rehearsal,
        placement_for: Callable[..., Placement],
        new_seed: Callable[[], int] = lambda: random.getrandbits(64),
    ) -> None:
        """``placement_for`` gives a Placement that carries the request id of the caller and keeps a ``deadline``."""
        self._selector = selector
        self._rehearsal = rehearsal
        self._placement_for = placement_for
        self._new_seed = new_seed

    def select_destinations(
        self, context: RequestContext, message: SelectDestinations
    ) -> Selections:
        """See :class:`~nova.scheduler.messages.SelectDestinations`.

        :raises NoValidHost: not all servers can be placed; none is then.
        """
        return self._selector.select(
            self._placement_for(context),
            message.spec,
            message.servers,
            alternates=message.alternates,
            seed=self._new_seed(),
        )

    def dry_run(self, context: RequestContext, message: DryRun) -> Outlook:
        """See :class:`~nova.scheduler.messages.DryRun`.

        :raises Unavailable: Placement does not answer, or not in time.
        """
        deadline = Deadline(message.within_s)
        return self._rehearsal.rehearse(
            self._placement_for(context, deadline=deadline),
            message.spec,
            message.count,
            alternates=message.alternates,
            seed=self._new_seed(),
            deadline=deadline,
        )
