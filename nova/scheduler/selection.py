"""Choosing and claiming hosts for the servers of one request, or for none of them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from groundwork import columns
from groundwork.errors import Invalid, Problem
from nova.clients.candidates import AllocationRequest
from nova.domain.outlook import Constraint
from nova.domain.request_spec import RequestSpec
from nova.domain.selection import Selection, ServerSelection
from nova.scheduler.candidates import Candidate
from nova.scheduler.claims import Claims, Placement
from nova.scheduler.decision import Rules, Standings
from nova.scheduler.demand import candidate_query
from nova.scheduler.explanation import Refusal, explain, no_valid_host
from nova.scheduler.hosts import HostTable
from nova.scheduler.lineup import Lineups
from nova.scheduler.look import Look
from nova.scheduler.messages import Selections
from nova.scheduler.server_places import ServerPlaces, ask_of

log = logging.getLogger(__name__)

# Questions to Placement in a row that end without a claim because others were faster each time. More: a request that
# loses and loses holds a thread; fewer: it fails in a rush although a little room is left.
_LOSING_ROUNDS = 5

# Claims in a row that are lost on ways which use more than the node, before Placement is asked anew: what they have in
# common, such as a storage pool, may be full. More: every host of a full pool costs a claim; fewer: Placement is asked
# often in a rush.
_LOST_WITH_SHARED = 20


class Selector:
    """Chooses hosts. Thread safe; keeps nothing of a request when it is answered."""

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
        self._lineups = Lineups()

    def select(
        self,
        placement: Placement,
        spec: RequestSpec,
        servers: Sequence[str],
        *,
        alternates: int,
        seed: int,
    ) -> Selections:
        """A claimed host for each server, and up to ``alternates`` further hosts in the same cell, not claimed.

        :raises NoValidHost: not all can be placed; nothing of this call stays claimed then.
        :raises Unavailable: Placement does not answer; the same holds as far as it can be reached.
        """
        claims = Claims(placement, project_id=spec.project_id, user_id=spec.user_id)
        try:
            candidate_query(spec)
        except Invalid as nonsense:
            raise no_valid_host(self._hosts.count(), {}, remark=nonsense.text) from nonsense
        ask = ask_of(spec, self._now(), rules=self._rules, servers=self._servers)
        ask = replace(ask, servers=tuple(servers))
        look = Look(
            self._hosts, self._rules, placement, ask, self._limit, seed, lineups=self._lineups
        )
        run = _Run(self._hosts, look, claims)
        # What an earlier run of this request has chosen counts no more: each gets a place anew.
        self._hosts.expect_no_more(servers)
        try:
            run.place(servers)
        except BaseException:
            claims.undo()
            self._hosts.expect_no_more(servers)
            raise
        return run.answer(servers, alternates)


class _Run:
    """The servers of one request on their way to hosts."""

    def __init__(self, hosts: HostTable, look: Look, claims: Claims) -> None:
        self._hosts = hosts
        self._look = look
        self._claims = claims
        self._standings: Standings | None = None
        self._places: dict[str, Selection] = {}

    def place(self, servers: Sequence[str]) -> None:
        """A claimed place for each server. :raises NoValidHost: there is not enough room."""
        waiting = list(servers)
        losing_rounds = 0
        while losing_rounds < _LOSING_ROUNDS:
            found = self._look.around()
            if isinstance(found, Refusal):
                waiting = self._without_those_that_hold(waiting)
                if not waiting:
                    return
                raise explain(
                    found, placed=len(self._places), servers=len(servers), story=self._story()
                )
            self._standings = found
            before = len(waiting)
            self._claim(found, waiting)
            if not waiting:
                return
            losing_rounds = losing_rounds + 1 if len(waiting) == before else 0
        raise no_valid_host(
            self._look.hosts, {}, remark=f"Others took the room {losing_rounds} times."
        )

    def answer(self, servers: Sequence[str], alternates: int) -> Selections:
        """What was placed, each with the next best hosts of its cell."""
        spare = self._spare(alternates + 1) if alternates else {}
        return Selections(
            tuple(
                ServerSelection(
                    server,
                    chosen,
                    tuple(
                        other
                        for other in spare.get(chosen.cell_uuid, ())
                        if other.node_uuid != chosen.node_uuid
                    )[:alternates],
                )
                for server in servers
                for chosen in (self._places[server],)
            )
        )

    def _story(self) -> tuple[Constraint, ...]:
        """Whoever asked gets the refusal in any case, with numbers by cell if Placement still answers."""
        try:
            return self._look.story()
        except Problem as problem:
            log.warning("Hosts cannot be counted by cell: %s %s", problem, problem.internal)
            return ()

    def _claim(self, standings: Standings, waiting: list[str]) -> None:
        """Claim for one server after the other, until all have a place, or no candidate is left that promises one."""
        lost_with_shared = 0
        while waiting and lost_with_shared < _LOST_WITH_SHARED:
            best = standings.best()
            if best is None:
                return
            candidate, way = best
            server = waiting[0]
            # Noted before it is claimed, which takes long enough for others to choose the same.
            now = self._hosts.expect(server, candidate.host)
            if not standings.still_passes(candidate, now):
                self._hosts.expect_no_more([server])
                continue
            if not self._claims.make(server, way):
                self._hosts.expect_no_more([server])
                standings.lost(candidate, way)
                lost_with_shared += len(way.allocations) > 1
                continue
            lost_with_shared = 0
            self._places[waiting.pop(0)] = _selection(candidate, way)
            self._look.placed(candidate.host)
            standings.placed(candidate, way)

    def _without_those_that_hold(self, waiting: Sequence[str]) -> list[str]:
        """Keep the claims that earlier, lost runs of this request have made, now that there is no room for others.

        1. A run claims for server A and dies before its answer is journalled. 2. The claim fills the last gap.
        3. The next run finds no room for A, though A has all that it needs.
        """
        left = []
        for server in waiting:
            held = self._claims.held(server)
            best = self._look.at_held(held) if held else None
            if best is None:
                left.append(server)
            else:
                self._places[server] = _selection(*best)
                self._hosts.expect(server, best[0].host)
                self._look.placed(best[0].host)
        return left

    def _spare(self, most: int) -> dict[str, list[Selection]]:
        """The best hosts that could take one more server, of each cell in which one was placed."""
        spare: dict[str, list[Selection]] = {each.cell_uuid: [] for each in self._places.values()}
        lacking = set(spare)
        for candidate in self._standings.best_first() if self._standings else ():
            if candidate.host.cell_uuid in lacking and (way := candidate.way()) is not None:
                found = spare[candidate.host.cell_uuid]
                found.append(_selection(candidate, way))
                if len(found) == most:
                    lacking.remove(candidate.host.cell_uuid)
                    if not lacking:
                        break
        return spare


def _selection(candidate: Candidate, way: AllocationRequest) -> Selection:
    host = candidate.host
    return Selection(
        host=host.host,
        node=host.node,
        node_uuid=host.node_uuid,
        cell_uuid=host.cell_uuid,
        allocations=way.allocations,
        mappings=way.mappings,
        availability_zone=host.zone,
    )
