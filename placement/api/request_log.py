"""One line for every request, as operators and what reads their logs know it from Placement."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from groundwork.wsgi import WsgiApp

LOG = logging.getLogger(__name__)

_LINE = '%s "%s %s" status: %s len: %s microversion: %s'
_UNKNOWN = "-"


class RequestLog:
    """Logs, at INFO, who asked what, and how it was answered; 401s and refusals too."""

    def __init__(self, application: WsgiApp) -> None:
        self._application = application

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        if not LOG.isEnabledFor(logging.INFO):
            return self._application(environ, start_response)

        def start(status: str, headers: Sequence[tuple[str, str]], *more: Any) -> Any:
            # Written now, while the log still knows the context of this request.
            told = {name.lower(): value for name, value in headers}
            LOG.info(
                _LINE,
                environ.get("REMOTE_ADDR", _UNKNOWN),
                environ["REQUEST_METHOD"],
                _uri_of(environ),
                status.partition(" ")[0],
                told.get("content-length", _UNKNOWN),
                told.get("openstack-api-version", _UNKNOWN).rpartition(" ")[2],
            )
            return start_response(status, headers, *more)

        return self._application(environ, start)


def _uri_of(environ: dict[str, Any]) -> str:
    """What was asked for, in one line whatever bytes a client sends."""
    path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    query = environ.get("QUERY_STRING", "")
    uri = f"{path}?{query}" if query else path
    return uri if uri.isprintable() else repr(uri)[1:-1]
