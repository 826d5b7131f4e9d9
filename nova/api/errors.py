"""Problems as HTTP answers: one table from kind to status and body key."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import webob

from groundwork import errors as kinds
from nova.errors import HostDown, NoValidHost

# The most derived class that is listed decides.
STATUS: Mapping[type[kinds.Problem], int] = {
    kinds.Problem: 500,
    kinds.Invalid: 400,
    kinds.Unauthorized: 401,
    kinds.Forbidden: 403,
    # Compute tells a used-up quota as 403, not as 413 or 429.
    kinds.OverQuota: 403,
    kinds.NotFound: 404,
    kinds.WrongMethod: 404,
    kinds.NotAcceptable: 406,
    kinds.Conflict: 409,
    kinds.Gone: 410,
    kinds.TooLarge: 413,
    kinds.BadMediaType: 415,
    kinds.NotSupported: 501,
    kinds.Unavailable: 503,
    NoValidHost: 400,
    HostDown: 409,
}

# Statuses that have no name of their own are computeFault.
KEYS: Mapping[int, str] = {
    400: "badRequest",
    401: "unauthorized",
    403: "forbidden",
    404: "itemNotFound",
    405: "badMethod",
    409: "conflictingRequest",
    413: "overLimit",
    415: "badMediaType",
    429: "overLimit",
    501: "notImplemented",
    503: "serviceUnavailable",
}


def status_of(problem: kinds.Problem) -> int:
    """The HTTP status that tells this problem."""
    return next(STATUS[kind] for kind in type(problem).__mro__ if kind in STATUS)


def fault(status: int, text: str, *, retry_after_s: int | None = None) -> webob.Response:
    """An error answer; ``retry_after_s`` goes into the body and the header."""
    told: dict[str, object] = {"code": status, "message": text}
    response = webob.Response(status=status, content_type="application/json", charset="UTF-8")
    if retry_after_s is not None:
        told["retryAfter"] = str(retry_after_s)
        response.headers["Retry-After"] = str(retry_after_s)
    response.body = msgspec.json.encode({KEYS.get(status, "computeFault"): told})
    return response


def answer(problem: kinds.Problem) -> webob.Response:
    """The answer that tells a problem; the fact ``retry_after_s`` is passed on when it is there."""
    return fault(status_of(problem), problem.text, retry_after_s=problem.facts.get("retry_after_s"))
