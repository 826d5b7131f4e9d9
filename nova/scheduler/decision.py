"""The decision: which host is best for the next server of a request.

Pure: the same request, candidates, hosts, time and seed give the same order, whatever the order of the input, and
nothing outside is read or written.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from nova.clients.candidates import AllocationRequest
from nova.domain.request_spec import RequestSpec
from nova.scheduler.candidates import Candidate
from nova.scheduler.field import Numbers
from nova.scheduler.filters import Filter, Reason
from nova.scheduler.host_view import AggregateView, Ask, HostView, Load
from nova.scheduler.lineup import Lineup
from nova.scheduler.prefilters import Prefilter, Restriction, combine
from nova.scheduler.shortcuts import speaks_for
from nova.scheduler.weights import Weigher

#: The constraint that the request names another host.
REQUESTED = "requested host"
_IGNORED = "ignored hosts"
#: The constraint that a server which moves stays in its cell.
_OWN_CELL = "cell of the server"
#: The constraints that are no filters but the request's own choice of hosts.
OF_REQUEST = frozenset({REQUESTED, _IGNORED, _OWN_CELL})


@dataclass(frozen=True, slots=True)
class Rules:
    """How hosts are chosen. ``host_subset_size`` best ones share the servers by chance; ``shuffle_equal`` does so only
    among the best that are equal.
    """

    filters: Sequence[Filter]
    weighers: Sequence[Weigher]
    host_subset_size: int = 1
    shuffle_equal: bool = False
    prefilters: Sequence[Prefilter] = ()

    def look_at_aggregates(self, spec: RequestSpec) -> bool:
        """Whether ``restriction`` depends on the aggregates."""
        return any(each.looks_at_aggregates(spec) for each in self.prefilters)

    def restriction(self, spec: RequestSpec, aggregates: Sequence[AggregateView]) -> Restriction:
        """What Placement is asked beside the request's own demands; ``aggregates`` are all there are."""
        return combine(each.restrict(spec, aggregates) for each in self.prefilters)

    @property
    def needs_counts(self) -> bool:
        """Whether hosts have to tell how many servers they have. A weigher that is off may be on in some aggregate."""
        return any(f.needs_counts for f in self.filters) or any(
            w.needs_counts or w.needs_images for w in self.weighers
        )

    @property
    def counting_filters(self) -> frozenset[str]:
        """The constraints by which hosts are removed because of how many servers they have."""
        return frozenset(type(f).__name__ for f in self.filters if f.needs_counts)

    @property
    def needs_images(self) -> bool:
        """Whether hosts have to tell of which images they have servers, whatever their aggregates say."""
        return any(w.needs_images and w.multiplier for w in self.weighers)

    @property
    def image_keys(self) -> frozenset[str]:
        """Metadata by which an aggregate may want to know of images where else nobody does."""
        return frozenset(w.multiplier_key for w in self.weighers if w.needs_images)

    @property
    def needs_server_hosts(self) -> bool:
        """Whether it matters where the servers are that hints name."""
        return any(f.needs_server_hosts for f in self.filters)


class Standings:
    """The candidates that passed, by weight; kept up to date while one request's servers are placed.

    ``removed`` counts the hosts that each constraint removed, in the order in which constraints are asked;
    ``rejected`` names the constraint for each node that was removed.
    """

    def __init__(
        self, ask: Ask, candidates: Sequence[Candidate], rules: Rules, *, seed: int
    ) -> None:
        self._ask = ask
        self._rules = rules
        self._random = random.Random(seed)
        spec = ask.spec
        is_forced = bool(spec.forced_host or spec.forced_node)
        self._filters = _applying(rules.filters, ask, is_forced=is_forced)
        self._names_hosts = is_forced or bool(
            spec.requested_host or spec.requested_node or spec.ignored_hosts or spec.only_cell
        )
        self.removed = _counts(self._filters)
        self.rejected: dict[str, str] = {}
        self.candidates = self._passing(Lineup.of(candidates))
        #: Of those that somebody was given.
        self._positions: dict[int, int] = {}
        self._like_aggregates = self.candidates.by_aggregates()
        # Only then may a multiplier differ from host to host.
        self._in_aggregates = any(host.aggregates for host in self._like_aggregates[1])
        self._weighers = tuple(w for w in rules.weighers if w.multiplier or self._in_aggregates)
        self._raw = self._table(lambda w: _weigh_all(w, self.candidates, ask))
        self._multipliers = self._table(self._multipliers_of)
        self._is_in = np.ones(len(self.candidates), dtype=bool)
        self._order: npt.NDArray[np.intp] | None = None
        self._weights = np.zeros(len(self.candidates))
        self._best_are_equal = 0

    def ranked(self) -> tuple[Candidate, ...]:
        """All that can take one more server, best first; equal ones by host and node name."""
        return tuple(self.best_first())

    def best_first(self) -> Iterator[Candidate]:
        """As ``ranked``, for those who do not need all."""
        for index in self._ranking():
            yield self._at(int(index))

    def best(self) -> tuple[Candidate, AllocationRequest] | None:
        """Where the next server goes; None when nothing is left."""
        order = self._ranking()
        while len(order):
            candidate = self._at(int(order[self._pick(order)]))
            way = candidate.way()
            if way is not None:
                return candidate, way
            self._leave(candidate)
            order = self._ranking()
        return None

    def weight_of(self, candidate: Candidate) -> float:
        """What the candidate weighed among those that were left when it was ranked last."""
        return float(self._weights[self._positions[id(candidate)]])

    def placed(self, candidate: Candidate, way: AllocationRequest) -> None:
        """A server was placed in this way: weigh, and look at the filters, anew."""
        candidate.ledger.take(way)
        candidate.host = _with_one_more_server(candidate.host, self._ask)
        if self._ask.spec.group is not None:
            self._group_has_grown(candidate.host.host)
        if candidate.way() is None or self._why_not(candidate):
            self._leave(candidate)
        if len(candidate.providers) == 1:
            self._weigh_again([candidate])
        else:
            # What it shares with other hosts has become less for all of them.
            used = set(candidate.providers)
            self._weigh_again([c for c in self._every() if used.intersection(c.providers)])

    def _group_has_grown(self, host: str) -> None:
        """A member of the request's group was placed: what the group wants of every host may be another thing now."""
        self._ask = self._ask.after_placing(host)
        for other in self._every():
            if self._is_in[self._positions[id(other)]] and self._why_not(other):
                self._leave(other)
        self._weigh_again(self._every())

    def still_passes(self, candidate: Candidate, now: Load) -> bool:
        """Whether the candidate passes with as many servers as its host has now; if not, it is out.

        1. Two threads look at a host that may have one more server. 2. Both choose it. 3. The host table notes one of
        them after the other, and tells the second that the first is there.
        """
        if candidate.host.load == now:
            return True
        candidate.host = candidate.host.with_load(now)
        if self._why_not(candidate) is None:
            return True
        self._leave(candidate)
        return False

    def lost(self, candidate: Candidate, way: AllocationRequest) -> None:
        """Somebody else was faster with this way; other ways on the same host stay."""
        candidate.requests.remove(way)
        if candidate.way() is None:
            self._leave(candidate)

    def _at(self, position: int) -> Candidate:
        candidate = self.candidates[position]
        self._positions[id(candidate)] = position
        return candidate

    def _every(self) -> Iterator[Candidate]:
        return map(self._at, range(len(self.candidates)))

    def _passing(self, lineup: Lineup) -> Lineup:
        """Those that no constraint removes; one constraint after the other, as most requests have but one."""
        ask = self._ask
        if self._names_hosts:
            hosts = lineup.hosts
            lineup = self._without(
                lineup, range(len(hosts)), lambda at: _outside_of_request(hosts[at], ask)
            )
        for one in self._filters:
            lineup = self._without(
                lineup, _suspects(one, lineup, ask), _rejecting(one, lineup, ask)
            )
        return lineup

    def _without(
        self, lineup: Lineup, suspects: Iterable[int], reject: Callable[[int], Reason | None]
    ) -> Lineup:
        refused = []
        for position in suspects:
            reason = reject(position)
            if reason is not None:
                refused.append(position)
                self.removed[reason.constraint] = self.removed.get(reason.constraint, 0) + 1
                self.rejected[lineup.hosts[position].node_uuid] = reason.constraint
        return lineup.without(refused)

    def _leave(self, candidate: Candidate) -> None:
        self._is_in[self._positions[id(candidate)]] = False
        self._order = None

    def _weigh_again(self, changed: Iterable[Candidate]) -> None:
        for candidate in changed:
            index = self._positions[id(candidate)]
            for row, weigher in enumerate(self._weighers):
                self._raw[row, index] = weigher.weigh(candidate, self._ask)
        self._order = None

    def _multipliers_of(self, weigher: Weigher) -> Sequence[float] | Numbers:
        if not self._in_aggregates and not weigher.knows_multipliers:
            return [weigher.sense * weigher.multiplier] * len(self.candidates)
        if not speaks_for(type(weigher), "multiplier_for", "multiplier_of"):
            return [weigher.multiplier_of(candidate) for candidate in self.candidates]
        codes, like = self._like_aggregates
        return np.array([weigher.multiplier_for(host.aggregates) for host in like])[codes]

    def _table(self, row: Callable[[Weigher], Sequence[float] | Numbers]) -> Numbers:
        """One row for each weigher, one column for each candidate."""
        table = np.empty((len(self._weighers), len(self.candidates)))
        for number, weigher in enumerate(self._weighers):
            table[number] = row(weigher)
        return table

    def _why_not(self, candidate: Candidate) -> Reason | None:
        if self._names_hosts and (reason := _outside_of_request(candidate.host, self._ask)):
            return reason
        for one in self._filters:
            if reason := _reject(one, self._ask, candidate):
                return reason
        return None

    def _ranking(self) -> npt.NDArray[np.intp]:
        """Indexes of those that are in, best first. Candidates came sorted by name and the sort is stable."""
        if self._order is None:
            inside = np.flatnonzero(self._is_in)
            weights = _weights(self._raw[:, inside], self._multipliers[:, inside])
            self._weights[inside] = weights
            order = np.argsort(-weights, kind="stable")
            self._best_are_equal = int(np.count_nonzero(weights == weights[order[:1]]))
            self._order = inside[order]
        return self._order

    def _pick(self, order: npt.NDArray[np.intp]) -> int:
        subset = min(self._rules.host_subset_size, len(order))
        if self._rules.shuffle_equal:
            subset = max(subset, self._best_are_equal)
        return self._random.randrange(subset) if subset > 1 else 0


def _reject(one: Filter, ask: Ask, candidate: Candidate) -> Reason | None:
    if one.needs_room:
        return one.reject_candidate(candidate, ask)
    return one.reject(candidate.host, ask)


def _suspects(one: Filter, lineup: Lineup, ask: Ask) -> Iterable[int]:
    """The positions that the filter has to be asked about."""
    if speaks_for(type(one), "suspects", "reject", "reject_candidate"):
        return one.suspects(lineup, ask)
    return range(len(lineup))


def _rejecting(one: Filter, lineup: Lineup, ask: Ask) -> Callable[[int], Reason | None]:
    if one.needs_room:
        return lambda at: one.reject_candidate(lineup[at], ask)
    hosts = lineup.hosts
    return lambda at: one.reject(hosts[at], ask)


def _weigh_all(one: Weigher, lineup: Lineup, ask: Ask) -> Sequence[float] | Numbers:
    if speaks_for(type(one), "weigh_all", "weigh"):
        return one.weigh_all(lineup, ask)
    return [one.weigh(candidate, ask) for candidate in lineup]


def with_less_hardware(host: HostView, count: int, ask: Ask) -> HostView:
    """The host after so many servers of this request were placed on it that its cell cannot know of yet."""
    if host.hardware is None:
        return host
    return replace(
        host, hardware=host.hardware.after_placing(ask.numa, ask.spec.pci_requests, count)
    )


def _with_one_more_server(host: HostView, ask: Ask) -> HostView:
    servers, busy = host.load
    return with_less_hardware(host, 1, ask).with_load(Load(servers + 1, busy + 1))


def _applying(filters: Sequence[Filter], ask: Ask, *, is_forced: bool) -> tuple[Filter, ...]:
    return tuple(
        f for f in filters if (f.holds_for_forced_hosts or not is_forced) and f.applies(ask)
    )


def _counts(filters: Sequence[Filter]) -> dict[str, int]:
    return {type(f).__name__: 0 for f in filters}


def _outside_of_request(host: HostView, ask: Ask) -> Reason | None:
    """Hosts that the request itself names, for or against; no filter, because it cannot be switched off."""
    spec = ask.spec
    if spec.only_cell and spec.only_cell != host.cell_uuid:
        return Reason(_OWN_CELL, "it is in another cell")
    for wanted, found in (
        (spec.forced_host, host.host),
        (spec.forced_node, host.node),
        (spec.requested_host, host.host),
        (spec.requested_node, host.node),
    ):
        if wanted and wanted != found:
            return Reason(REQUESTED, f"{wanted} was asked for")
    if host.host in spec.ignored_hosts:
        return Reason(_IGNORED, "not to be tried again")
    return None


def _weights(raw: Numbers, multipliers: Numbers) -> Numbers:
    """Each row stretched to 0..1, multiplied, and summed up by host."""
    if raw.size == 0:
        return np.zeros(raw.shape[1])
    low = raw.min(axis=1, keepdims=True)
    span = raw.max(axis=1, keepdims=True) - low
    span[span == 0] = 1.0
    total: Numbers = ((raw - low) / span * multipliers).sum(axis=0)
    return total
