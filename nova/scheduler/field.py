"""The hosts of an answer in their order, and numbers of all of them at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import attrgetter

import numpy as np
import numpy.typing as npt

from nova.clients.candidates import AllocationRequest, Candidates, Frame, ProviderSummary
from nova.scheduler.host_view import HostView

# On providers that serve the members of their aggregates, such as a storage pool.
_SHARING_TRAIT = "MISC_SHARES_VIA_AGGREGATE"
# On every compute node, also on one that shares its disk with others.
_NODE_TRAIT = "COMPUTE_NODE"
# What a server has of its node, whoever gives it disk.
_OF_THE_NODE = frozenset({"VCPU", "PCPU", "MEMORY_MB"})

#: A number of a host. Where nothing is known it is NaN.
Number = Callable[[HostView], float]
Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Places:
    """The hosts, each with the ways to fit a server on it and the providers that these use, its own node first."""

    hosts: tuple[HostView, ...]
    ways: tuple[tuple[AllocationRequest, ...], ...]
    providers: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """What all decisions over the same hosts and ways have in common; only what is free differs.

    Numbers are computed once and kept. Threads that do so at once compute the same.
    """

    places: Places
    #: Where a host's only provider stands in the frame; -1 for hosts that use others too.
    rows: npt.NDArray[np.int64]
    _columns: dict[Number, Numbers] = field(default_factory=dict)
    _kinds: list[tuple[npt.NDArray[np.int64], tuple[HostView, ...]]] = field(default_factory=list)
    #: Where each node stands; made when it is asked for.
    _positions: dict[str, int] = field(default_factory=dict)

    def column(self, number: Number) -> Numbers:
        """This number of each host. ``number`` is a function that stays: the numbers are kept by it."""
        found = self._columns.get(number)
        if found is None:
            made = [number(host) for host in self.places.hosts]
            found = self._columns[number] = np.array(made, dtype=np.float64)
        return found

    def with_hosts(self, changed: Mapping[str, HostView]) -> Field:
        """The same with other views of some nodes, which are in the same aggregates as before.

        What all others have is copied as a block, not looked at.
        """
        if not self._positions:
            uuids = ((host.node_uuid, at) for at, host in enumerate(self.places.hosts))
            self._positions.update(uuids)
        here = [
            (at, host)
            for uuid, host in changed.items()
            if (at := self._positions.get(uuid)) is not None
        ]
        hosts = list(self.places.hosts)
        columns = {number: column.copy() for number, column in list(self._columns.items())}
        for at, host in here:
            hosts[at] = host
            for number, column in columns.items():
                column[at] = number(host)
        return replace(self, places=replace(self.places, hosts=tuple(hosts)), _columns=columns)

    def by_aggregates(self) -> tuple[npt.NDArray[np.int64], tuple[HostView, ...]]:
        """For each host the number of one that is in the same aggregates, and those hosts."""
        if not self._kinds:
            numbers: dict[int, int] = {}
            like: list[HostView] = []
            codes = []
            for host in self.places.hosts:
                # The host table makes one tuple for each set; where it did not, there are more kinds than need be.
                code = numbers.setdefault(id(host.aggregates), len(like))
                if code == len(like):
                    like.append(host)
                codes.append(code)
            self._kinds.append((np.array(codes, dtype=np.int64), tuple(like)))
        return self._kinds[0]


def field_of(answer: Candidates, hosts: Mapping[str, HostView], frame: Frame | None) -> Field:
    """One place for each known host of the answer, by host and node name.

    The order does not depend on the order of the answer, except among the ways of one host.
    """
    summaries = answer.summaries
    ways: dict[str, list[AllocationRequest]] = {}
    # Nodes of which one way or other uses another provider too.
    wide: set[str] = set()
    for request in answer.requests:
        node_uuid = node_of(request, summaries, hosts)
        if node_uuid is not None:
            ways.setdefault(node_uuid, []).append(request)
            if len(request.allocations) > 1 or node_uuid not in request.allocations:
                wide.add(node_uuid)
    found = sorted((hosts[uuid] for uuid in ways), key=attrgetter("host", "node"))
    uuids = [host.node_uuid for host in found]
    places = Places(
        tuple(found),
        tuple(tuple(ways[uuid]) for uuid in uuids),
        tuple(_providers(uuid, ways[uuid]) if uuid in wide else (uuid,) for uuid in uuids),
    )
    positions = frame.positions if frame else {}
    rows = [-1 if uuid in wide else positions.get(uuid, -1) for uuid in uuids]
    return Field(places, np.array(rows, dtype=np.int64))


def nodes_among(answer: Candidates) -> frozenset[str]:
    """The roots of all providers in Placement's answer, less those that only share what they have."""
    summaries = answer.summaries.values()
    sharing = {s.root for s in summaries if _SHARING_TRAIT in s.traits}
    if sharing:
        sharing -= {s.uuid for s in summaries if _NODE_TRAIT in s.traits}
    return frozenset({s.root for s in summaries}) - sharing


def node_of(
    request: AllocationRequest,
    summaries: Mapping[str, ProviderSummary],
    hosts: Mapping[str, HostView],
) -> str | None:
    """The node of a way: the root among its providers that is a host, the others are shared.

    Of several hosts one shares its disk: the node is the one that gives CPUs or memory.
    """
    node: str | None = None
    for provider, amounts in request.allocations.items():
        root: str | None = provider
        # The provider is the node itself nearly always.
        if provider not in hosts:
            summary = summaries.get(provider)
            root = summary.root if summary is not None and summary.root in hosts else None
        if root is not None and not _OF_THE_NODE.isdisjoint(amounts):
            return root
        node = node or root
    return node


def _providers(node_uuid: str, requests: Sequence[AllocationRequest]) -> tuple[str, ...]:
    used = {provider for request in requests for provider in request.allocations}
    return (node_uuid, *sorted(used - {node_uuid}))
