"""``nova.wsgi.osapi_compute:application``: the Compute API."""

from __future__ import annotations

from groundwork.errors import Problem
from groundwork.wsgi import WsgiApp
from nova.cmd import beginning, compute_api
from nova.cmd.garbage import collect_rarely
from nova.cmd.plane import Plane


def build() -> WsgiApp:
    """The application. Connections are opened at first use, so a server may fork after this.

    :raises Problem: options or databases are not usable.
    """
    conf = beginning.read_environment()
    database = beginning.api_database(conf)
    plane = Plane(conf, api_database=database, transport_url=beginning.transport_url(conf))
    application = compute_api.make(conf, plane)
    database.dispose()
    collect_rarely()
    return application


def _build_or_exit() -> WsgiApp:
    """A server that loads this module shows one line of reason, not a stack, and does not start."""
    try:
        return build()
    except Problem as problem:
        raise SystemExit(f"nova-api: {problem}") from problem


application = _build_or_exit()
