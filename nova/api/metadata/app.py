"""The WSGI application that guests ask."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import webob

from groundwork.errors import Conflict, Forbidden, Invalid, NotFound, Problem, Unavailable
from nova.api.metadata import documents, ec2
from nova.api.metadata.guest import Guest
from nova.api.metadata.identity import ProxyIdentity
from nova.api.metadata.source import GuestSource

LOG = logging.getLogger(__name__)

# What the place where it is kept takes; an encrypted password of a 4096 bit key is 684 characters.
_LONGEST_PASSWORD = 1020
_STATUS: tuple[tuple[type[Problem], int], ...] = (
    (Invalid, 400),
    (Forbidden, 403),
    (NotFound, 404),
    (Conflict, 409),
    (Unavailable, 503),
)


class MetadataApplication:
    """``/``, ``/{version}/...`` as on EC2 and ``/openstack/{version}/...``."""

    def __init__(self, *, identity: ProxyIdentity, source: GuestSource) -> None:
        self._identity = identity
        self._source = source

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        request = webob.Request(environ)
        try:
            response = self._respond(request)
        except Problem as problem:
            LOG.info("metadata refused: %s (%s)", problem, problem.internal)
            response = _text(problem.text, status=_status_of(problem))
        except Exception:
            LOG.exception("unexpected failure in %s %s", request.method, request.path)
            response = _text("An unknown error has occurred.", status=500)
        return response(environ, start_response)

    def _respond(self, request: webob.Request) -> webob.Response:
        path = [part for part in request.path_info.split("/") if part]
        if request.method not in ("GET", "HEAD") and not _is_password(path):
            raise NotFound("There is no such metadata.")
        # Which versions there are is no secret; some clients ask before they are known to the proxy.
        if not path:
            return _text("\n".join((*ec2.VERSIONS, ec2.LATEST)))
        if path == ["openstack"]:
            return _text("\n".join((*documents.VERSIONS, documents.LATEST)))
        guest = self._source.guest_of(self._identity.of(request.headers))
        if path[0] == "openstack":
            return self._openstack(request, guest, path[1], path[2:])
        return _ec2(guest, path[0], path[1:])

    def _openstack(
        self, request: webob.Request, guest: Guest, version: str, path: list[str]
    ) -> webob.Response:
        if version not in (*documents.VERSIONS, documents.LATEST):
            # As with microversions, a date between two versions means the older one.
            version = max((known for known in documents.VERSIONS if known < version), default="")
        if not version or len(path) > 1:
            raise NotFound("There is no such metadata.")
        if not path:
            return _text("\n".join(documents.listing(guest, version)))
        name = path[0]
        if name == documents.PASSWORD and name in documents.listing(guest, version):
            return self._password(request, guest)
        found = documents.document(guest, version, name)
        if found is None:
            raise NotFound("There is no such metadata.")
        if name.endswith(".json"):
            return webob.Response(body=found, content_type="application/json", charset="UTF-8")
        return webob.Response(body=found, content_type="application/octet-stream")

    def _password(self, request: webob.Request, guest: Guest) -> webob.Response:
        if request.method == "POST":
            password = request.body[: _LONGEST_PASSWORD + 1]
            if len(password) > _LONGEST_PASSWORD:
                raise Invalid("Request is too large.")
            self._source.leave_password(guest, password.decode("utf-8", "replace"))
            return _text("")
        found = self._source.password_of(guest)
        if found is None:
            raise NotFound("There is no such metadata.")
        return _text(found)


def _ec2(guest: Guest, version: str, path: list[str]) -> webob.Response:
    if version not in (*ec2.VERSIONS, ec2.LATEST):
        raise NotFound("There is no such metadata.")
    found = ec2.walk(ec2.tree(guest, version), path)
    match found:
        case None:
            raise NotFound("There is no such metadata.")
        case bytes():
            return webob.Response(body=found, content_type="application/octet-stream")
        case str():
            return _text(found)
        case _:
            assert isinstance(found, Mapping)
            return _text(ec2.listing(found))


def _is_password(path: list[str]) -> bool:
    return len(path) == 3 and path[0] == "openstack" and path[2] == documents.PASSWORD


def _text(text: str, *, status: int = 200) -> webob.Response:
    return webob.Response(text=text, status=status, content_type="text/plain", charset="UTF-8")


def _status_of(problem: Problem) -> int:
    return next((status for kind, status in _STATUS if isinstance(problem, kind)), 500)
