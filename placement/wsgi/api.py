"""The Placement API for any WSGI server. Options come from files and the environment, never from a command line."""

from __future__ import annotations

from groundwork.errors import Problem
from groundwork.wsgi import WsgiApp
from placement.api.app import make_application
from placement.cmd import beginning


def build() -> WsgiApp:
    """The application, over a database that is ready. :raises Problem: options or database are not usable."""
    conf = beginning.read_environment()
    database = beginning.open_database(conf)
    beginning.prepare_database(conf, database)
    return make_application(conf, database)


def _build_or_exit() -> WsgiApp:
    """A server that loads this module shows one line of reason, not a stack, and does not start."""
    try:
        return build()
    except Problem as problem:
        raise SystemExit(f"placement-api: {problem}") from problem


application = _build_or_exit()
