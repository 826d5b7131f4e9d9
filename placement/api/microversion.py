"""Which version of the API a request speaks."""

from __future__ import annotations

import re
from collections.abc import Iterator

import webob

from groundwork.errors import Invalid, NotAcceptable
from groundwork.operations import Call
from groundwork.versions import Version

OLDEST = Version(1, 0)
NEWEST = Version(1, 39)
HEADER = "OpenStack-API-Version"
SERVICE = "placement"
# A zero before the dot is well formed, too, though never offered.
_FORM = re.compile(r"(0|[1-9]\d{0,9})\.(0|[1-9]\d{0,9})", re.ASCII)


def negotiate(request: webob.Request) -> Version:
    """The version that the header asks for: ``placement X.Y`` or ``placement latest``; without it the oldest.

    :raises Invalid: the version is malformed.
    :raises NotAcceptable: it is not offered; the facts hold the range that is.
    """
    text = next(_asked(request.headers.get(HEADER, "")), None)
    if text is None:
        return OLDEST
    if text == "latest":
        return NEWEST
    match = _FORM.fullmatch(text)
    if match is None:
        raise Invalid(f"invalid version string: {text}")
    version = Version(int(match[1]), int(match[2]))
    if not OLDEST <= version <= NEWEST:
        raise NotAcceptable(
            f"Unacceptable version header: {text}", min_version=str(OLDEST), max_version=str(NEWEST)
        )
    return version


def _asked(header: str) -> Iterator[str]:
    """What the header says of this service; one header may speak of several, comma separated."""
    for part in header.split(","):
        service, _, version = part.strip().partition(" ")
        if service.lower() == SERVICE and version.strip():
            yield version.strip()


def since(call: Call, minor: int) -> bool:
    """Whether the request speaks version 1.``minor`` or a newer one."""
    return call.version >= Version(1, minor)
