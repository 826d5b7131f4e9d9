"""The operation that finds candidates."""

from __future__ import annotations

from groundwork.operations import Answer, Call, operation
from placement.api.answers import shown, told_of_query
from placement.api.candidates import schemas
from placement.api.candidates.parsing import parse_request
from placement.api.candidates.views import show_candidates
from placement.candidates.search import Order, search
from placement.candidates.snapshot import Snapshots


class CandidateOperations:
    """``/allocation_candidates``."""

    def __init__(self, *, snapshots: Snapshots, order: Order) -> None:
        self._snapshots = snapshots
        self._order = order

    @operation(
        "GET",
        "/allocation_candidates",
        versions="1.10-",
        policy="placement:allocation_candidates:list",
        query=schemas.SEARCH,
        response=schemas.FOUND,
        errors=(400, 403, 406),
    )
    def search(self, call: Call) -> Answer:
        """Find the ways in which what is asked for could be claimed now."""
        request = parse_request(call)
        with told_of_query():
            world = self._snapshots.take(traits=request.traits, classes=request.classes)
        found = list(search(world, request, self._order))
        return shown(call, show_candidates(call, world, found, request.classes))
