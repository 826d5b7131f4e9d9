"""How Placement is called: at one version, and again when somebody else was faster."""

from __future__ import annotations

import random
from collections.abc import Callable
from urllib.parse import quote

import requests

from nova.clients.deadline import Deadline
from nova.clients.placement_errors import ConcurrentUpdate, problem_of
from nova.clients.session import Caller, Query, Service

# Attempts of a write that loses to other writers of the same provider. More: a busy provider holds
# the caller longer; fewer: a burst of claims on one host looks like a failure.
ATTEMPTS = 5


class PlacementCalls:
    """Calls in the name of one context, that end by one deadline; what they are about is for those who inherit."""

    def __init__(
        self,
        service: Service,
        *,
        microversion: str,
        context: Caller | None,
        deadline: Deadline | None,
        sleep: Callable[[float], None],
    ) -> None:
        self._service = service
        self._microversion = microversion
        self._context = context
        self._deadline = deadline
        self._sleep = sleep

    def _against_races(self, attempt: Callable[[], None]) -> None:
        """Run ``attempt`` until it is not overtaken, at most ``ATTEMPTS`` times.

        :raises ConcurrentUpdate: it always was, or another attempt cannot help.
        """
        for number in range(ATTEMPTS):
            try:
                return attempt()
            except ConsumerChanged:
                raise
            except ConcurrentUpdate:
                if number == ATTEMPTS - 1:
                    raise
                # Those who collided once would collide again at the same distance.
                self._sleep(random.uniform(0.005, 0.02) * 2**number)
        return None

    def _read(self, path: str, query: Query | None = None) -> requests.Response:
        return self._checked(self._call("GET", path, query=query))

    def _write(self, method: str, path: str, body: object) -> requests.Response:
        return self._checked(self._call(method, path, body=body))

    def _call(
        self, method: str, path: str, *, query: Query | None = None, body: object = None
    ) -> requests.Response:
        return self._service.call(
            method,
            path,
            query=query,
            body=body,
            microversion=self._microversion,
            context=self._context,
            deadline=self._deadline,
        )

    @staticmethod
    def _checked(answer: requests.Response) -> requests.Response:
        if answer.status_code >= 400:
            raise problem_of(answer)
        return answer


class ConsumerChanged(ConcurrentUpdate):
    """The consumer, not only a provider, has changed: trying again cannot help."""


def path_of(*parts: str) -> str:
    """The path of these parts, whatever characters are in them."""
    return "/" + "/".join(quote(part, safe="") for part in parts)
