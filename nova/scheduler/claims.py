"""What one decision takes in Placement, and how it is given back."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from groundwork.errors import Problem
from nova.clients.candidates import AllocationRequest, CandidateQuery, Candidates
from nova.clients.explanations import Explanation
from nova.clients.placement_errors import ConcurrentUpdate, NoRoom
from nova.clients.providers import Allocation

log = logging.getLogger(__name__)

# Tries of one claim on one host: the first, and one more with what the server is found to hold. More would only fight
# with somebody who is placing the same server at the same moment; races on the host are run again by the client.
_TRIES = 2


class Placement(Protocol):
    """What the scheduler needs of Placement; :class:`nova.clients.placement.Placement` has it."""

    def candidates(self, query: CandidateQuery) -> Candidates: ...

    def explain(self, query: CandidateQuery) -> Explanation | None: ...

    def claim(
        self,
        consumer: str,
        allocations: Mapping[str, Mapping[str, int]],
        *,
        project_id: str,
        user_id: str,
        consumer_generation: int | None = None,
        mappings: Mapping[str, tuple[str, ...]] | None = None,
    ) -> None: ...

    def allocation(self, consumer: str) -> Allocation | None: ...

    def delete_allocation(self, consumer: str, *, expected: Allocation | None = None) -> None: ...

    def count_providers(
        self,
        *,
        resources: Mapping[str, int] | None = None,
        required: tuple[str, ...] = (),
        member_of: tuple[tuple[str, ...], ...] = (),
    ) -> int: ...


@dataclass(frozen=True, slots=True)
class _Claim:
    """What a server was made to hold, and what it held before."""

    wanted: Mapping[str, Mapping[str, int]]
    before: Allocation | None


class Claims:
    """The claims of one decision; all stay, or ``undo`` takes them all back."""

    def __init__(self, placement: Placement, *, project_id: str, user_id: str) -> None:
        self._placement = placement
        self._project_id = project_id
        self._user_id = user_id
        self._made: dict[str, _Claim] = {}

    def make(self, server: str, request: AllocationRequest) -> bool:
        """Claim a place for the server; False when somebody else was faster.

        A claim that the server holds already is replaced: it is from an earlier run of this very request, whose answer
        was lost.

        :raises Unavailable: Placement does not answer; ``undo`` knows of the claim even so.
        """
        before: Allocation | None = None
        for _ in range(_TRIES):
            # Noted first: when the answer is lost, the claim may be there.
            self._made[server] = _Claim(request.allocations, before)
            try:
                self._placement.claim(
                    server,
                    request.allocations,
                    project_id=self._project_id,
                    user_id=self._user_id,
                    consumer_generation=before.consumer_generation if before else None,
                    mappings=request.mappings,
                )
            except NoRoom:
                break
            except ConcurrentUpdate:
                before = self._placement.allocation(server)
            else:
                return True
        del self._made[server]
        return False

    def held(self, server: str) -> Allocation | None:
        """What the server holds though this decision has not given it."""
        return self._placement.allocation(server)

    def undo(self) -> None:
        """Let every server hold again what it held before; never raises.

        A server that holds something else by now is left alone: the same request runs a second time elsewhere, and
        that run has replaced our claim by its own.
        """
        while self._made:
            server, made = self._made.popitem()
            try:
                self._give_back(server, made)
            except Problem as problem:
                # Whoever asked frees all claims of a request that failed; this only does it sooner.
                log.error(
                    "Claim of server %s is not undone: %s %s", server, problem, problem.internal
                )

    def _give_back(self, server: str, made: _Claim) -> None:
        held = self._placement.allocation(server)
        if held is None or held.resources != made.wanted:
            return
        if made.before is None:
            self._placement.delete_allocation(server, expected=held)
        else:
            self._placement.claim(
                server,
                made.before.resources,
                project_id=made.before.project_id,
                user_id=made.before.user_id,
                consumer_generation=held.consumer_generation,
            )
