"""Consoles of guests: their types, and where one can be reached."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from groundwork.errors import Invalid


class ConsoleType(StrEnum):
    """How a client talks to a console, as the Compute API names it."""

    NOVNC = "novnc"
    SPICE_HTML5 = "spice-html5"
    SPICE_DIRECT = "spice-direct"
    SERIAL = "serial"
    WEBMKS = "webmks"


@dataclass(frozen=True, slots=True)
class ConsoleEndpoint:
    """Where a guest's console listens. ``host`` None: on the guest's own host."""

    port: int
    host: str | None = None
    tls_port: int | None = None
    #: What a proxy asks for first where several consoles share a port.
    internal_access_path: str | None = None


@dataclass(frozen=True, slots=True)
class ConsoleAccess:
    """How clients get to a console: the URL of the proxy, and where the proxy goes from there."""

    base_url: str
    host: str
    port: int
    tls_port: int | None = None
    internal_access_path: str | None = None


@dataclass(frozen=True, slots=True)
class ConsoleGrant:
    """What a token permits: one console of one server, while the server is on this host of its cell."""

    server_uuid: str
    server_host: str
    console_type: str
    access: ConsoleAccess = field(repr=False)


def unavailable(type_name: str) -> Invalid:
    """What is told about a type of console that is not to be had."""
    return Invalid(f"Unavailable console type {type_name}.")
