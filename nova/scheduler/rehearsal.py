"""A dry run: what a create request would meet now. Nothing is claimed and nothing is written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from groundwork import columns
from groundwork.errors import Invalid, Late
from nova.clients.deadline import Deadline
from nova.domain.outlook import Change, Outlook, Place, Plan
from nova.domain.request_spec import RequestSpec
from nova.scheduler.candidates import Candidate
from nova.scheduler.changes import Proposals, ordered, smallest_changes
from nova.scheduler.claims import Placement
from nova.scheduler.decision import Rules, Standings
from nova.scheduler.demand import candidate_query
from nova.scheduler.explanation import Refusal, explain, no_valid_host
from nova.scheduler.host_view import HostView
from nova.scheduler.hosts import HostTable
from nova.scheduler.look import Look
from nova.scheduler.server_places import ServerPlaces, ask_of
from nova.scheduler.trying import Attempt, Trying


class Rehearsal:
    """Answers dry runs as the selector of the same hosts and rules would decide. Thread safe."""

    def __init__(
        self,
        *,
        hosts: HostTable,
        rules: Rules,
        servers: ServerPlaces | None = None,
        max_placement_results: int = 1000,
        now: Callable[[], datetime] = columns.now,
    ) -> None:
        """``servers`` finds the servers that hints name; without it they are nowhere."""
        self._hosts = hosts
        self._servers = servers
        self._rules = rules
        self._limit = max_placement_results
        self._now = now

    def rehearse(
        self,
        placement: Placement,
        spec: RequestSpec,
        count: int,
        *,
        alternates: int,
        seed: int,
        deadline: Deadline,
    ) -> Outlook:
        """Whether ``count`` servers would fit, where each would go with up to ``alternates`` further hosts, or why not.

        Changes are looked for until the deadline; what was found by then is told.

        :raises Unavailable: Placement does not answer.
        """
        try:
            candidate_query(spec)
        except Invalid as nonsense:
            told = no_valid_host(self._hosts.count(), {}, remark=nonsense.text)
            return Outlook(would_fit=False, message=told.text)
        if spec.group is not None and self._servers is not None:
            # Of a create the super-conductor tells where the members are; a dry run comes from the API.
            spec = replace(spec, group=self._servers.with_members(spec.group))
        ask = ask_of(spec, self._now(), rules=self._rules, servers=self._servers)
        # The second look, at every host, is for requests of more servers than the first one's hosts can take.
        for limit in (self._limit, None):
            look = Look(self._hosts, self._rules, placement, ask, limit, seed)
            found = look.around()
            plans = self._plan(found, count, alternates) if isinstance(found, Standings) else []
            if len(plans) == count or isinstance(found, Refusal):
                break
        story = look.story()
        if len(plans) == count:
            return Outlook(would_fit=True, plans=tuple(plans), constraints=story)
        refusal = found if isinstance(found, Refusal) else Refusal(look.hosts, {})
        changes, tried_all = self._changes(
            Trying(self._hosts, placement, seed=seed, deadline=deadline),
            Attempt(look.query(), ask, self._rules, count, aggregates=look.aggregates),
            look,
        )
        return Outlook(
            would_fit=False,
            constraints=story,
            changes=changes,
            message=explain(refusal, placed=len(plans), servers=count).text,
            tried_all=tried_all,
        )

    def _changes(
        self, try_: Trying, attempt: Attempt, look: Look
    ) -> tuple[tuple[Change, ...], bool]:
        """The changes that help, and whether there was time for all."""
        found: list[Change] = []
        explanation = look.explanation
        proposals = (
            Proposals.of(explanation.relaxations)
            if explanation is not None and explanation.relaxations
            else None
        )
        try:
            base = try_(attempt)
            for change in smallest_changes(attempt, base, try_, proposals=proposals):
                found.append(change)
        except Late:
            return ordered(found), False
        return ordered(found), True

    def _plan(self, standings: Standings, count: int, alternates: int) -> list[Plan]:
        """Where the servers go; fewer than ``count`` when there is not room for all."""
        # Weights are relative: only those of one ranking can be compared, and the first is the one that all are in.
        weights = {id(each): standings.weight_of(each) for each in standings.ranked()}
        chosen: list[Candidate] = []
        while len(chosen) < count:
            best = standings.best()
            if best is None:
                break
            candidate, way = best
            chosen.append(candidate)
            standings.placed(candidate, way)
        spare: dict[str, list[Candidate]] = {}
        for other in standings.ranked():
            spare.setdefault(other.host.cell_uuid, []).append(other)
        plans = []
        for candidate in chosen:
            host = candidate.host
            # One more than wanted, as the chosen host may be among them.
            others = spare.get(host.cell_uuid, [])[: alternates + 1]
            others = [other for other in others if other.host.node_uuid != host.node_uuid]
            plans.append(
                Plan(
                    self._place(host, weights[id(candidate)]),
                    tuple(
                        self._place(other.host, weights[id(other)]) for other in others[:alternates]
                    ),
                )
            )
        return plans

    def _place(self, host: HostView, weight: float) -> Place:
        names = self._hosts.cells_of([host.node_uuid])
        return Place(
            cell=names.get(host.node_uuid, host.cell_uuid),
            host=host.host,
            node=host.node,
            availability_zone=host.zone,
            weight=weight,
        )
