"""Placement over REST, as typed calls: where something fits, who holds what, what providers have."""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec
from oslo_config import cfg

from groundwork.errors import Invalid, Unavailable
from nova.clients.candidate_reader import CandidateReader
from nova.clients.candidates import CandidateQuery, Candidates
from nova.clients.deadline import Deadline
from nova.clients.explanations import Explanation, parse_explanation
from nova.clients.placement_consumers import ConsumerCalls
from nova.clients.placement_providers import ProviderCalls
from nova.clients.session import Caller, Service, load_service

# The version that every call speaks: any-of traits in candidates are the newest thing used.
MICROVERSION = "1.39"


class Placement(ConsumerCalls, ProviderCalls):
    """Placement as this process uses it: with its own credentials, in the name of whoever asked.

    All calls raise ``Unavailable`` (``Late`` after the deadline) when Placement cannot serve now,
    ``Invalid`` when it does not accept the request; both may happen everywhere and are not repeated
    below.
    """

    def __init__(
        self,
        service: Service,
        *,
        context: Caller | None = None,
        deadline: Deadline | None = None,
        sleep: Callable[[float], None] = time.sleep,
        reader: CandidateReader | None = None,
    ) -> None:
        """``reader`` is shared by all that ask the same Placement; one of its own by default."""
        super().__init__(
            service, microversion=MICROVERSION, context=context, deadline=deadline, sleep=sleep
        )
        self._reader = reader or CandidateReader()

    def acting_for(self, context: Caller, *, deadline: Deadline | None = None) -> Placement:
        """The same Placement, whose calls carry the request id of ``context`` and end by
        ``deadline``.
        """
        return Placement(
            self._service,
            context=context,
            deadline=deadline,
            sleep=self._sleep,
            reader=self._reader,
        )

    def newest_version(self) -> tuple[int, int]:
        """The newest microversion that it offers, as numbers that can be compared."""
        answer = self._checked(self._service.call("GET", "/", context=self._context))
        try:
            offered = [version["max_version"] for version in answer.json()["versions"]]
            major, minor = max(tuple(map(int, text.split("."))) for text in offered)
        except (ValueError, LookupError, TypeError, AttributeError) as exc:
            raise Unavailable("Placement's answer cannot be read.", internal=str(exc)) from exc
        return major, minor

    def candidates(self, query: CandidateQuery) -> Candidates:
        """Where the request fits at this moment; nothing is held by asking."""
        answer = self._read("/allocation_candidates", query.parameters())
        try:
            return self._reader.read(answer.content)
        except msgspec.MsgspecError as exc:
            raise Unavailable("Placement's answer cannot be read.", internal=str(exc)) from exc

    def explain(self, query: CandidateQuery) -> Explanation | None:
        """What each demand of the question removes; None from a Placement that cannot tell."""
        asked = [pair for pair in query.parameters() if pair[0] != "limit"]
        asked += [("removed_roots", "true"), ("unknown_names", "explained")]
        answer = self._call("GET", "/allocation_candidates/explain", query=asked)
        if answer.status_code == 404:
            return None
        try:
            return parse_explanation(self._checked(answer).content)
        except msgspec.MsgspecError as exc:
            raise Unavailable("Placement's answer cannot be read.", internal=str(exc)) from exc


def load_placement(conf: cfg.ConfigOpts) -> Placement:
    """Placement as ``[placement]`` describes it.

    :raises Invalid: the group cannot be used, or says nothing about logging in; one line for the operator.
    """
    service = load_service(conf, "placement", name="Placement")
    if not service.has_credentials:
        raise Invalid(
            "Group [placement] gives no credentials: set auth_type (none for a service without Keystone)."
        )
    return Placement(service)
