"""Who is alive in the plane, and the sweepers that take over from who is not."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from nova.saga.journal import Journal
from nova.saga.operation import COMPUTES, Place
from nova.saga.sweeper import Sweeper
from tests.harness.databases import CELL1, CELL2
from tests.harness.messaging import SUPER, Hint, Hints


@dataclass
class Census:
    """Who is alive: the sweeper's view. Everybody is, but for those marked dead."""

    dead: set[str] = field(default_factory=set)
    down_hosts: set[str] = field(default_factory=set)

    def is_alive(self, owner: str, incarnation: str) -> bool:
        return incarnation not in self.dead

    def is_host_up(self, host: str) -> bool:
        return host not in self.down_hosts


def sweep(
    builds: Journal, journals: Mapping[str, Journal], census: Census, queue: deque[Hint]
) -> None:
    """One pass of every sweeper; ``journals`` are those of the cells."""
    Sweeper(
        builds,
        liveness=census,
        places=(Place.SUPER,),
        hinter=Hints(SUPER, queue),
    ).sweep()
    for uuid in (CELL1, CELL2):
        for places in ((Place.SUPER,), (Place.CONDUCTOR, *sorted(COMPUTES))):
            Sweeper(
                journals[uuid],
                liveness=census,
                places=places,
                hinter=Hints(uuid, queue),
            ).sweep()
