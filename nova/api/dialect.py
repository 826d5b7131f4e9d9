"""The Compute API's wire format: microversions, the project in the path, error bodies."""

from __future__ import annotations

import re
from typing import Any

import webob
import webob.exc

from groundwork.application import Dialect, parse_json
from groundwork.errors import BadMediaType, Invalid, NotAcceptable, Problem, TooLarge
from groundwork.operations import Schema
from groundwork.request_ids import OWN_ID
from groundwork.validation import Complaint
from groundwork.versions import Version
from nova.api import errors
from nova.api.loose import loosened

MIN_VERSION = Version(2, 1)
MAX_VERSION = Version(2, 103)

VERSION_HEADER = "OpenStack-API-Version"
OLD_VERSION_HEADER = "X-OpenStack-Nova-API-Version"
_SERVICE = "compute"

_MEDIA_TYPES = ("application/json", "application/vnd.openstack.compute+json")

# What every known project id looks like; no resource name consists of these characters only.
_PROJECT = re.compile(r"^(/[0-9a-f-]+)(/.*)$", re.DOTALL)

# The fact under which a problem carries the version that its answer must name though none was negotiated.
_ECHO = "echo_version"

# Longer values are cut in error texts: a client needs the name and the reason, not its own body back.
_LONGEST_VALUE = 1000


# An escaped NUL; an even number of backslashes before it means that it is not one.
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


class ComputeDialect(Dialect):
    """``/v2.1``: bodies are checked strictly, behaviour follows the negotiated microversion."""

    min_version = MIN_VERSION
    max_version = MAX_VERSION

    def negotiate(self, request: webob.Request) -> Version:
        """The version by either header; 2.1 without one.

        :raises Invalid: a header is malformed, or the URL's project is not the token's.
        :raises NotAcceptable: the version is not offered.
        """
        version = self._asked(request)
        if not self.min_version <= version <= self.max_version:
            raise NotAcceptable(
                f"Version {version} is not supported by the API. "
                f"Minimum is {self.min_version} and maximum is {self.max_version}.",
                **{_ECHO: str(version)},
            )
        _require_own_project(request, str(version))
        return version

    def _asked(self, request: webob.Request) -> Version:
        text = asked_version(request)
        if text is None:
            return self.min_version
        if text == "latest":
            return self.max_version
        try:
            return Version.parse(text)
        except ValueError as exc:
            raise Invalid(
                f"API Version String {text} is of invalid format. Must be of format MajorNum.MinorNum."
            ) from exc

    def split_prefix(self, path: str) -> tuple[str, str]:
        return split_project(path)

    def finish(self, response: webob.Response, version: Version) -> None:
        _name_version(response, str(version))

    def problem(
        self, problem: Problem, request: webob.Request, version: Version | None
    ) -> webob.Response:
        response = errors.answer(problem)
        if version is None and _ECHO in problem.facts:
            _name_version(response, problem.facts[_ECHO])
        return response

    def unknown_path(self, request: webob.Request) -> webob.Response:
        """404 as JSON, HTML or text by what the client accepts; this one has no version headers."""
        return request.get_response(webob.exc.HTTPNotFound())

    def crash(self, request: webob.Request, version: Version | None) -> webob.Response:
        asked = request.environ.get(OWN_ID, "unknown")
        return errors.fault(
            500, f"An unexpected error stopped this request. Please report it with its id, {asked}."
        )

    def bad_query(self, complaint: Complaint) -> Problem:
        name = str(complaint.path[0]) if complaint.path else ""
        if not name:
            return Invalid(f"Invalid input for query parameters. {complaint.message}")
        return Invalid(
            f"Invalid input for query parameters {name}. Value: {_shown(complaint.value)}. "
            f"{complaint.message}"
        )

    def bad_body(self, complaint: Complaint) -> Problem:
        name = str(complaint.path[-1]) if complaint.path else ""
        if not name:
            return Invalid(complaint.message[:_LONGEST_VALUE])
        return Invalid(
            f"Invalid input for field/attribute {name}. Value: {_shown(complaint.value)}. "
            f"{complaint.message[:_LONGEST_VALUE]}"
        )

    def read_json(self, request: webob.Request) -> Any:
        """The body's value; None for an empty one.

        :raises BadMediaType: it is declared as something that Compute does not read.
        :raises Invalid: it is not JSON, or holds a NUL character, which no database takes as text.
        :raises TooLarge: it went over the limit while it was read (no length was announced).
        """
        try:
            raw = request.body
        except webob.exc.HTTPRequestEntityTooLarge as exc:
            raise TooLarge("The request body is larger than this service takes.") from exc
        if not raw:
            return None
        if request.content_type and request.content_type not in _MEDIA_TYPES:
            raise BadMediaType(f"Unsupported Content-Type: {request.content_type}")
        if _NUL.search(raw):
            raise Invalid("Malformed request body: it holds a NUL character.")
        return parse_json(raw)


class LegacyDialect(ComputeDialect):
    """``/v2``: behaves as 2.1, whatever the version headers say, and sends none back."""

    def negotiate(self, request: webob.Request) -> Version:
        _require_own_project(request, None)
        return self.min_version

    def prepare_body(self, body: Any, schema: Schema) -> Any:
        """Unknown keys are dropped and names stripped, where 2.1 refuses both."""
        return loosened(body, schema)

    def finish(self, response: webob.Response, version: Version) -> None:
        """Nothing: clients of ``/v2`` know no versions."""


def asked_version(request: webob.Request) -> str | None:
    """What the version headers ask of Compute; the newer header wins, and in it the last mention."""
    found = None
    for item in request.headers.get(VERSION_HEADER, "").split(","):
        service, _, version = item.strip().partition(" ")
        if service.lower() == _SERVICE:
            found = version.strip()
    if found is not None:
        return found
    old = request.headers.get(OLD_VERSION_HEADER)
    return old.strip() if old is not None else None


def split_project(path: str) -> tuple[str, str]:
    """``("/<project>", rest)`` of a path that opens with a project id, otherwise ``("", path)``."""
    match = _PROJECT.match(path)
    return (match[1], match[2]) if match else ("", path)


def _require_own_project(request: webob.Request, version: str | None) -> None:
    prefix, _ = split_project(request.path_info)
    context = request.environ.get("groundwork.context")
    if not prefix or context is None or prefix[1:] == context.project_id:
        return
    facts = {_ECHO: version} if version else {}
    raise Invalid(
        f"Malformed request URL: its project {prefix[1:]} is not the token's project "
        f"{context.project_id}.",
        **facts,
    )


def _name_version(response: webob.Response, version: str) -> None:
    response.headers[VERSION_HEADER] = f"{_SERVICE} {version}"
    response.headers[OLD_VERSION_HEADER] = version
    vary = [value.strip() for value in response.headers.get("Vary", "").split(",") if value.strip()]
    vary += [name for name in (VERSION_HEADER, OLD_VERSION_HEADER) if name not in vary]
    response.headers["Vary"] = ", ".join(vary)


def _shown(value: Any) -> str:
    text = str(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}..."
