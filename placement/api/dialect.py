"""What Placement's wire format decides about the shared application."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import webob

from groundwork.application import Dialect, parse_json
from groundwork.errors import BadMediaType, Invalid, NotFound, Problem
from groundwork.validation import Complaint
from groundwork.versions import Version
from placement.api import complaints, errors, microversion


class PlacementDialect(Dialect):
    """Placement API 1.x."""

    policy_first = True
    tells_wrong_method = True
    min_version = microversion.OLDEST
    max_version = microversion.NEWEST

    def negotiate(self, request: webob.Request) -> Version:
        return microversion.negotiate(request)

    def finish(self, response: webob.Response, version: Version) -> None:
        response.headers[microversion.HEADER] = f"{microversion.SERVICE} {version}"
        if response.status_int < 400:
            response.vary = (*(response.vary or ()), microversion.HEADER.lower())
        if not response.content_length:
            response.headers.pop("Content-Type", None)

    def problem(
        self, problem: Problem, request: webob.Request, version: Version | None
    ) -> webob.Response:
        return errors.answer(problem, request, version)

    def unknown_path(self, request: webob.Request) -> webob.Response:
        """Like any other answer it carries the version, so the version is negotiated here too."""
        version = self.negotiate(request)
        problem = NotFound("The resource could not be found.")
        response = self.problem(problem, request, version)
        self.finish(response, version)
        return response

    def crash(self, request: webob.Request, version: Version | None) -> webob.Response:
        text = "The server has either erred or is incapable of performing the requested operation."
        return errors.plain_answer(HTTPStatus.INTERNAL_SERVER_ERROR, text, request)

    def bad_body(self, complaint: Complaint) -> Problem:
        return complaints.bad_body(complaint)

    def bad_query(self, complaint: Complaint) -> Problem:
        return complaints.bad_query(complaint)

    def read_json(self, request: webob.Request) -> Any:
        """As the base, but a body has to say what it is, and has to be there."""
        if not (request.environ.get("CONTENT_LENGTH") or "0").strip().isdecimal():
            raise Invalid("content-length header must be an integer")
        if not request.headers.get("Content-Type") and request.body:
            raise Invalid("content-type header required when content-length > 0")
        if request.content_type != "application/json":
            raise BadMediaType(
                f"The media type {request.content_type or 'None'} is not supported, use application/json"
            )
        try:
            return parse_json(request.body)
        except Invalid as exc:
            raise Invalid(f"Malformed JSON: {exc.internal or exc}") from exc
