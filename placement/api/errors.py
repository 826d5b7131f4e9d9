"""How failures are told: one table from kind to status, and the body that clients parse."""

from __future__ import annotations

import html
from http import HTTPStatus
from typing import Any

import msgspec
import webob

from groundwork import errors
from groundwork.request_ids import OWN_ID
from groundwork.versions import Version
from placement import codes

STATUSES: dict[type[errors.Problem], HTTPStatus] = {
    errors.Invalid: HTTPStatus.BAD_REQUEST,
    errors.Unauthorized: HTTPStatus.UNAUTHORIZED,
    errors.Forbidden: HTTPStatus.FORBIDDEN,
    errors.NotFound: HTTPStatus.NOT_FOUND,
    errors.WrongMethod: HTTPStatus.METHOD_NOT_ALLOWED,
    errors.NotAcceptable: HTTPStatus.NOT_ACCEPTABLE,
    errors.Conflict: HTTPStatus.CONFLICT,
    errors.TooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.BadMediaType: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    errors.Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}
_CODES_SINCE = Version(1, 23)


def status_of(problem: errors.Problem) -> HTTPStatus:
    """The status of a problem: that of its nearest kind in the table."""
    for kind in type(problem).__mro__:
        if kind in STATUSES:
            return STATUSES[kind]
    return HTTPStatus.INTERNAL_SERVER_ERROR


def answer(
    problem: errors.Problem, request: webob.Request, version: Version | None
) -> webob.Response:
    """The answer that tells a problem, with its code since 1.23."""
    facts = problem.facts
    more: dict[str, Any] = {
        key: facts[key] for key in ("max_version", "min_version") if key in facts
    }
    if version is not None and version >= _CODES_SINCE:
        more["code"] = facts.get("code", codes.UNDEFINED)
    response = plain_answer(status_of(problem), problem.text, request, more)
    if "allowed" in facts:
        response.headers["Allow"] = ", ".join(facts["allowed"])
    return response


def plain_answer(
    status: HTTPStatus, detail: str, request: webob.Request, more: dict[str, Any] | None = None
) -> webob.Response:
    """An error answer in the form that the client takes: JSON if it can, else HTML or plain text."""
    offers = ["application/json", "text/html", "text/plain"]
    accepted = [offer for offer, _ in request.accept.acceptable_offers(offers)] or ["text/plain"]
    kind = offers[0] if offers[0] in accepted else accepted[0]
    title = "Internal Server Error" if status == HTTPStatus.INTERNAL_SERVER_ERROR else status.phrase
    if kind == "application/json":
        error = {
            "status": int(status),
            "title": title,
            "detail": detail,
            "request_id": request.environ.get(OWN_ID, ""),
            **(more or {}),
        }
        body = msgspec.json.encode({"errors": [error]})
    elif kind == "text/html":
        shown = f"{int(status)} {html.escape(title)}"
        body = (
            f"<html><head><title>{shown}</title></head>"
            f"<body><h1>{shown}</h1>{html.escape(detail)}</body></html>"
        ).encode()
    else:
        body = f"{int(status)} {title}\n\n{detail}\n".encode()
    charset = None if kind == "application/json" else "UTF-8"
    return webob.Response(status=int(status), body=body, content_type=kind, charset=charset)
