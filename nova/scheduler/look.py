"""Looking for hosts: Placement's answer and the host table put together, once more if the first look finds nothing."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Set
from dataclasses import replace

from groundwork.errors import Invalid
from nova.clients.candidates import AllocationRequest, CandidateQuery, Candidates
from nova.clients.explanations import Explanation
from nova.clients.providers import Allocation
from nova.domain.outlook import Constraint, Where
from nova.scheduler.candidates import Candidate, Ledger
from nova.scheduler.cell_hosts import Moment
from nova.scheduler.claims import Placement
from nova.scheduler.decision import REQUESTED, Rules, Standings, with_less_hardware
from nova.scheduler.demand import candidate_query, total_resources
from nova.scheduler.explanation import Refusal, ask_each_constraint
from nova.scheduler.field import node_of
from nova.scheduler.host_view import AggregateView, Ask, HostView
from nova.scheduler.hosts import HostTable
from nova.scheduler.lineup import Lineups
from nova.scheduler.story import tell_story

log = logging.getLogger(__name__)

_BEYOND_LIMIT = (Where.PLACEMENT, "max_placement_results")
_NOTHING = Candidates((), {})


class Look:
    """The view of one request; ``around`` gives it anew after servers have been placed."""

    def __init__(
        self,
        hosts: HostTable,
        rules: Rules,
        placement: Placement,
        ask: Ask,
        limit: int | None,
        seed: int,
        *,
        lineups: Lineups | None = None,
    ) -> None:
        """``limit`` is how many candidates are asked for at first; when none of them passes, all are looked at.
        None: all at once. ``lineups`` are shared by requests that may ask the same; its own by default.
        """
        self._lineups = lineups or Lineups()
        self._hosts = hosts
        self._rules = rules
        self._placement = placement
        self._ask = ask
        self._limit = limit
        self._seed = seed
        self._started_at = hosts.moment()
        self._placed_on: Counter[str] = Counter()
        #: How many hosts the last look saw.
        self.hosts = 0
        self._nodes: Set[str] = frozenset()
        self._missing: Mapping[str, str] = {}
        self._standings: Standings | None = None
        #: The host aggregates that the last look went by; none when they do not matter to it.
        self.aggregates: tuple[AggregateView, ...] = ()
        #: What Placement told of the request when the story was asked for.
        self.explanation: Explanation | None = None

    def placed(self, host: HostView) -> None:
        """A server of this request was placed there: the next look must know, whatever is read until then."""
        self._placed_on[host.node_uuid] += 1
        self._hosts.promised(host, self._ask)
        self._ask = self._ask.after_placing(host.host)

    def around(self) -> Standings | Refusal:
        """The hosts that can take one server of the request, or why there is none.

        A few seconds old rows may refuse a host that has just come, and the limit may hide the only fitting one; so
        nobody is refused before everything was read after the request had come.
        """
        self._nodes, self._missing, self._standings = frozenset(), {}, None
        in_tree = self._named_node()
        self._read_aggregates(not_before=None)
        answer = self._candidates(self._limit, in_tree)
        if answer.requests:
            found = self._stand(answer, not_before=None)
            if isinstance(found, Standings):
                return found
            if any(found.removed.get(name) for name in self._rules.counting_filters):
                self._hosts.doubt_counts(not_before=self._started_at)
        before = self.aggregates
        self._read_aggregates(not_before=self._started_at)
        is_outdated = before != self.aggregates
        # Asking in the named node's tree keeps shared storage out, which the node may need.
        is_too_narrow = in_tree is not None and not answer.requests
        is_cut = self._limit is not None and len(answer.requests) >= self._limit
        if is_too_narrow or is_cut or is_outdated:
            answer = self._candidates(None, None)
        if answer.requests:
            return self._stand(answer, not_before=self._started_at)
        return self._refusal_of_placement()

    def query(self, *, limit: int | None = None, in_tree: str | None = None) -> CandidateQuery:
        """What Placement is asked, by the aggregates of the last look.

        :raises Invalid: the request makes no sense.
        """
        restriction = self._rules.restriction(self._ask.spec, self.aggregates)
        return candidate_query(
            self._ask.spec, limit=limit, in_tree=in_tree, restriction=restriction
        )

    def story(self) -> tuple[Constraint, ...]:
        """What the last look met, constraint by constraint, and in which cells.

        Placement is asked once more, for hosts that it did not offer.

        :raises Unavailable: it does not answer.
        """
        standings = self._standings
        try:
            self.explanation = self._placement.explain(self.query())
        except Invalid as refused:
            log.info("Placement explains nothing: %s %s", refused, refused.internal)
            self.explanation = None
        names_host = bool(self._remark())
        return tell_story(
            self._hosts,
            self.explanation,
            candidates=self._nodes,
            missing=self._missing,
            rejected=standings.rejected if standings else {},
            asked=standings.removed if standings else (),
            not_looked_at=(Where.REQUEST, REQUESTED) if names_host else _BEYOND_LIMIT,
            name_of=self._rules.restriction(self._ask.spec, self.aggregates).name_of,
        )

    def at_held(self, held: Allocation) -> tuple[Candidate, AllocationRequest] | None:
        """The place that an allocation is, if it is what the request wants and the host passes."""
        amounts: Counter[str] = Counter()
        for on in held.resources.values():
            amounts.update(on)
        if amounts != total_resources(candidate_query(self._ask.spec)):
            return None
        way = AllocationRequest(held.resources, {})
        hosts = self._hosts.find(list(held.resources)).hosts
        node_uuid = node_of(way, {}, hosts)
        if node_uuid is None:
            return None
        candidate = Candidate(hosts[node_uuid], [way], (node_uuid,), Ledger({}))
        # What is free there is what this very allocation has left; when it was made, all filters had let it.
        rules = replace(
            self._rules, filters=[each for each in self._rules.filters if not each.needs_room]
        )
        return Standings(self._ask, [candidate], rules, seed=self._seed).best()

    def _named_node(self) -> str | None:
        """The provider of the one node that the request names, if it names one."""
        spec = self._ask.spec
        host = spec.forced_host or spec.requested_host
        node = spec.forced_node or spec.requested_node
        if not (host or node):
            return None
        nodes = self._hosts.nodes_of(host, node)
        return nodes[0].node_uuid if len(nodes) == 1 else None

    def _read_aggregates(self, not_before: Moment | None) -> None:
        if self._rules.look_at_aggregates(self._ask.spec):
            self.aggregates = self._hosts.aggregates(not_before=not_before)

    def _candidates(self, limit: int | None, in_tree: str | None) -> Candidates:
        try:
            return self._placement.candidates(self.query(limit=limit, in_tree=in_tree))
        except Invalid as refused:
            # A class or trait that no provider has ever had is not even known to Placement.
            log.info("Placement refuses the request: %s %s", refused, refused.internal)
            return _NOTHING

    def _stand(self, answer: Candidates, not_before: Moment | None) -> Standings | Refusal:
        nodes = self._lineups.nodes(answer)
        self.hosts = len(nodes)
        known = self._hosts.find(nodes, not_before=not_before)
        candidates = self._lineups.lineup(answer, self._with_placed(known.hosts), known.changed)
        standings = Standings(self._ask, candidates, self._rules, seed=self._seed)
        self._nodes, self._missing, self._standings = nodes, known.missing, standings
        removed = {**Counter(known.missing.values()), **standings.removed}
        log.debug(
            "%d candidates on %d hosts, %d pass; removed: %s",
            len(answer.requests),
            len(candidates),
            len(standings.candidates),
            removed,
        )
        if standings.candidates:
            return standings
        return Refusal(len(nodes), removed, self._remark())

    def _with_placed(self, hosts: Mapping[str, HostView]) -> Mapping[str, HostView]:
        if not self._placed_on:
            return hosts
        changed = {
            uuid: with_less_hardware(hosts[uuid], count, self._ask)
            for uuid, count in self._placed_on.items()
            if uuid in hosts
        }
        return {**hosts, **changed}

    def _refusal_of_placement(self) -> Refusal:
        total, removed = ask_each_constraint(
            self._placement,
            self.query(),
            hosts=self._hosts.count(),
            restriction=self._rules.restriction(self._ask.spec, self.aggregates),
        )
        return Refusal(total, removed, self._remark())

    def _remark(self) -> str:
        spec = self._ask.spec
        named = spec.forced_host or spec.requested_host or spec.forced_node or spec.requested_node
        return f"Host {named} was asked for." if named else ""
