"""``nova.wsgi.metadata:application``: the metadata service for guests."""

from __future__ import annotations

from groundwork.errors import Problem
from groundwork.wsgi import WsgiApp
from nova.cmd import beginning, metadata_api


def _build_or_exit() -> WsgiApp:
    """A server that loads this module shows one line of reason, not a stack, and does not start."""
    try:
        return metadata_api.make(beginning.read_environment())
    except Problem as problem:
        raise SystemExit(f"nova-metadata: {problem}") from problem


application = _build_or_exit()
