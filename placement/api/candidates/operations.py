"""The operations that find candidates, and say why there are no more."""

from __future__ import annotations

from groundwork.operations import Answer, Call, operation
from placement.api.answers import shown, told_of_query
from placement.api.candidates import schemas
from placement.api.candidates.explanations import show_explanation
from placement.api.candidates.parsing import parse_request
from placement.api.candidates.views import show_candidates
from placement.candidates.explain import explain
from placement.candidates.index.live import LiveIndex
from placement.candidates.search import Order, search_runs


class CandidateOperations:
    """``/allocation_candidates``."""

    def __init__(self, *, index: LiveIndex, order: Order) -> None:
        self._index = index
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
        with (
            told_of_query(),
            self._index.fresh(traits=request.traits, classes=request.classes) as index,
        ):
            found = search_runs(index, request, self._order)
            body = show_candidates(call, index, found, request.classes)
        return shown(call, body)

    @operation(
        "GET",
        "/allocation_candidates/explain",
        versions="1.39-",
        policy="placement:allocation_candidates:list",
        query=schemas.EXPLAIN,
        response=schemas.EXPLAINED,
        errors=(400, 403, 406),
    )
    def explain(self, call: Call) -> Answer:
        """Tell what each part of a request for candidates removes, and the smallest changes that would yield one.

        With ``removed_roots=true`` it also names the trees that each part removes, in order and each of them once, and
        those that are left.
        With ``unknown_names=explained`` a class or trait that was never made is one that no provider has, instead of
        a fault of the request; only those that are forbidden have to be known as ever.

        No part of the Placement API that other implementations serve.
        """
        request = parse_request(call)
        is_lenient = call.query.get("unknown_names") == "explained"
        with (
            told_of_query(),
            self._index.fresh(
                traits=request.forbidden if is_lenient else request.traits,
                classes=() if is_lenient else request.classes,
            ) as index,
        ):
            explanation = explain(index, request)
            names_trees = call.query.get("removed_roots") == "true"
            body = show_explanation(
                explanation, uuid_of=(lambda row: index.fact(row).uuid) if names_trees else None
            )
        return shown(call, body)
