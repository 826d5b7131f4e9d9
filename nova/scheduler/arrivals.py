"""Servers that were given a host and that the counts of its cell do not show yet.

Counts of servers are read every few seconds, and a server stands in its cell only some time after its host was chosen.
In between this process counts it itself, so that limits such as ``max_instances_per_host`` hold over requests:

1. Before the scheduler claims a host for a server, the server is noted as an arrival there. From then on every decision
   of this process sees the host with one more server, which is at work.
2. If the claim is lost, or the request fails, it is no arrival any more.
3. Otherwise it is handed over to the host's cell.
4. When counts are read, the cell is first asked which of the arrivals it has. Whoever it had then is in the counts that
   are read after, and ceases to be an arrival in the moment when they are believed: it is always counted. Whoever comes
   between the two questions is counted twice until the next counts.

A server that moves stands in its cell all along. It is an arrival at its destination until its row says that it is
there, or rests elsewhere; so a destination that failed is counted while an alternate is tried. What a cell does by
itself, as taking the alternate of a build, is seen with the next counts.

Several scheduler processes do not know each other's arrivals: to one, what another has placed on a host exists when it
was counted. A limit can therefore be exceeded by as many servers as all other processes give to the host in
``Freshness.counts_s`` and the time of a hand-over. Threads of one process do not race: a choice is looked at once more
in the moment when it is noted (``Standings.still_passes``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from typing import NamedTuple

from nova.scheduler.host_rows import Sighting
from nova.scheduler.host_view import HostView


class _Arrival(NamedTuple):
    """Where a server will be, and since when (monotonic seconds) that is so."""

    host: HostView
    since_s: float


class Arrivals:
    """The arrivals that this process knows; a server is one at most. Guarded by the host table's lock."""

    def __init__(self, *, longest_s: float) -> None:
        """``longest_s``: see :class:`~nova.scheduler.cell_readings.Freshness`."""
        self._longest_s = longest_s
        self._by_server: dict[str, _Arrival] = {}
        self._on: Counter[str] = Counter()

    def add(self, server: str, host: HostView, *, now_s: float) -> None:
        """The server is on its way there, and to nowhere else."""
        self.remove(server)
        self._by_server[server] = _Arrival(host, now_s)
        self._on[host.node_uuid] += 1

    def remove(self, server: str) -> HostView | None:
        """The server is not on its way any more; where it was expected, if it was."""
        arrival = self._by_server.pop(server, None)
        if arrival is None:
            return None
        node_uuid = arrival.host.node_uuid
        self._on[node_uuid] -= 1
        if not self._on[node_uuid]:
            # Else there would be one for each node there ever was.
            del self._on[node_uuid]
        return arrival.host

    def on(self, node_uuid: str) -> int:
        """How many are expected on a node."""
        return self._on.get(node_uuid, 0)

    def servers(self) -> tuple[str, ...]:
        """Everyone who is expected, longest first."""
        return tuple(self._by_server)

    def settle(
        self,
        cell_uuid: str,
        asked: Collection[str],
        found: Mapping[str, Sighting],
        *,
        asked_at_s: float,
    ) -> None:
        """Believe what a cell has told of the arrivals that it was asked for, before it counted its servers.

        Those that it does not have are waited for, though not for ever.
        """
        for server in asked:
            arrival = self._by_server.get(server)
            if arrival is None or arrival.host.cell_uuid != cell_uuid:
                continue
            if arrival.since_s > asked_at_s:
                # Sent there when the cell had perhaps answered already.
                continue
            if self._is_over(arrival, found.get(server), asked_at_s):
                self.remove(server)

    def _is_over(self, arrival: _Arrival, sighting: Sighting | None, at_s: float) -> bool:
        if sighting is None:
            return at_s - arrival.since_s >= self._longest_s
        is_there = sighting.place == (arrival.host.host, arrival.host.node)
        return is_there or not sighting.is_under_way
