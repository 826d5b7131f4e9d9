"""Placement's refusals as problems. Their details name providers, so they are for operators:
``internal``.
"""

from __future__ import annotations

from collections.abc import Mapping

import requests

from groundwork.errors import Conflict, Invalid, NotFound, Problem, Unavailable


class ConcurrentUpdate(Conflict):
    """Somebody else changed the provider or consumer in between: read again, then decide."""


class NoRoom(Conflict):
    """The amounts do not fit where they were to go (any more): take the next candidate."""


class InUse(Conflict):
    """The provider or inventory still has allocations or children."""


_BY_CODE: Mapping[str, type[Problem]] = {
    "placement.concurrent_update": ConcurrentUpdate,
    "placement.inventory.inuse": InUse,
    "placement.resource_provider.inuse": InUse,
    "placement.resource_provider.cannot_delete_parent": InUse,
}
_BY_STATUS: Mapping[int, tuple[type[Problem], str]] = {
    400: (Invalid, "Placement does not accept the request."),
    # Our own credentials, not the user's, are refused: nothing that the user could mend.
    401: (Unavailable, "Placement refuses the credentials of this service."),
    403: (Unavailable, "Placement does not permit this to this service."),
    404: (NotFound, "Placement does not know that."),
    406: (Unavailable, "Placement is of another release than this service needs."),
    409: (Conflict, "Placement is in another state than the request needs."),
}


def problem_of(answer: requests.Response) -> Problem:
    """The problem that a refusing answer means; to be raised by the caller."""
    code, detail = _error_of(answer)
    kind, text = _BY_STATUS.get(
        answer.status_code, (Unavailable, "Placement cannot serve the request now.")
    )
    internal = f"{answer.request.method} {answer.url} -> {answer.status_code} {code}: {detail}"
    return _BY_CODE.get(code, kind)(text, internal=internal)


def _error_of(answer: requests.Response) -> tuple[str, str]:
    """Code and detail; something between us and Placement may answer in HTML."""
    try:
        error = answer.json()["errors"][0]
        return error.get("code", ""), error.get("detail", "")
    except (ValueError, LookupError, TypeError, AttributeError):
        return "", answer.text[:200]
