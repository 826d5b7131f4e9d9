"""Trying a request, or another version of it, with the scheduler's own decision and without claiming anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from groundwork.errors import Invalid, Late
from nova.clients.candidates import CandidateQuery, Candidates
from nova.clients.deadline import Deadline
from nova.scheduler.candidates import Candidate
from nova.scheduler.claims import Placement
from nova.scheduler.decision import Rules, Standings
from nova.scheduler.demand import DISABLED_TRAIT
from nova.scheduler.field import nodes_among
from nova.scheduler.host_view import AggregateView, Ask, HostView
from nova.scheduler.hosts import HostTable
from nova.scheduler.lineup import group_by_host


@dataclass(frozen=True, slots=True)
class Attempt:
    """A version of a request for ``count`` servers (0: only look which hosts could take one).

    ``enabled`` are the nodes whose compute service counts as enabled though it is not; None: all.
    ``aggregates`` are what prefilters look at for another request.
    """

    query: CandidateQuery
    ask: Ask
    rules: Rules
    count: int
    enabled: frozenset[str] | None = frozenset()
    aggregates: tuple[AggregateView, ...] = ()


@dataclass(frozen=True, slots=True)
class Trial:
    """What an attempt meets: the hosts that could take the first server, best first, and how many servers fit.

    ``removed`` counts hosts by the filter that removed them, ``disabled`` are the nodes among the hosts that are not
    really enabled.
    """

    hosts: tuple[Candidate, ...] = ()
    placed: int = 0
    removed: Mapping[str, int] | None = None
    disabled: frozenset[str] = frozenset()


class Trying:
    """Runs attempts for one request. Answers of Placement are kept while it lasts."""

    def __init__(
        self, hosts: HostTable, placement: Placement, *, seed: int, deadline: Deadline
    ) -> None:
        self._hosts = hosts
        # Rows from before may still show as enabled what Placement knows to be disabled.
        self._not_before = hosts.moment()
        self._placement = placement
        self._seed = seed
        self._deadline = deadline
        self._answers: dict[tuple[tuple[str, str], ...], Candidates] = {}

    def __call__(self, attempt: Attempt) -> Trial:
        """:raises Late: the deadline has passed. :raises Unavailable: Placement does not answer."""
        if self._deadline.left_s() <= 0:
            raise Late("There was no time to try everything.")
        answer = self._candidates(attempt.query)
        if not answer.requests:
            return Trial()
        known = self._hosts.find(nodes_among(answer), not_before=self._not_before)
        views, disabled = _seen(known.hosts, attempt)
        candidates = group_by_host(answer, views)
        standings = Standings(attempt.ask, candidates, attempt.rules, seed=self._seed)
        hosts = standings.ranked()
        passing = {candidate.host.node_uuid for candidate in hosts}
        return Trial(hosts, _place(standings, attempt.count), standings.removed, disabled & passing)

    def _candidates(self, query: CandidateQuery) -> Candidates:
        key = tuple(query.parameters())
        if key not in self._answers:
            try:
                self._answers[key] = self._placement.candidates(query)
            except Invalid:
                # A name that Placement does not know: nobody has it.
                self._answers[key] = Candidates((), {})
        return self._answers[key]


def _seen(
    hosts: Mapping[str, HostView], attempt: Attempt
) -> tuple[Mapping[str, HostView], frozenset[str]]:
    """The hosts as the attempt sees them, and those of them that count as enabled and are not."""
    if DISABLED_TRAIT in attempt.query.root_forbidden:
        return hosts, frozenset()
    seen, disabled = {}, set()
    for uuid, view in hosts.items():
        if view.is_enabled:
            seen[uuid] = view
        elif attempt.enabled is None or uuid in attempt.enabled:
            seen[uuid] = replace(view, is_enabled=True)
            disabled.add(uuid)
    return seen, frozenset(disabled)


def _place(standings: Standings, count: int) -> int:
    """How many of the servers find a place."""
    for placed in range(count):
        best = standings.best()
        if best is None:
            return placed
        standings.placed(*best)
    return count
