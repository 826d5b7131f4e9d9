"""The id of each request: made here, told in the answer, and known to whatever logs on its behalf.

oslo.middleware has such a layer. It takes every answer apart and puts it together again, which costs a short request a
tenth of its time; here the header is added on its way out. The names in the environment are oslo's, because
oslo.context reads them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from oslo_context.context import generate_request_id

from groundwork.wsgi import WsgiApp

#: Where the request's own id is found, and the one that the caller gave it.
OWN_ID = "openstack.request_id"
GLOBAL_ID = "openstack.global_request_id"

_HEADER = "x-openstack-request-id"
_INBOUND = "HTTP_X_OPENSTACK_REQUEST_ID"
_FORM = re.compile(r"req-[a-f0-9]{8}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{12}")


class RequestIds:
    """Gives each request an id. The caller's own is kept beside it when it has the form of one."""

    def __init__(self, application: WsgiApp, *, more_headers: Sequence[str] = ()) -> None:
        """``more_headers``: names, besides x-openstack-request-id, under which answers tell the id."""
        self._application = application
        self._headers = tuple(name.lower() for name in (_HEADER, *more_headers))

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        given = environ.get(_INBOUND, "")
        if _FORM.fullmatch(given):
            environ[GLOBAL_ID] = given
        request_id = environ[OWN_ID] = generate_request_id()

        def start(status: str, headers: Sequence[tuple[str, str]], *more: Any) -> Any:
            told = {name.lower() for name, _ in headers}
            added = [(name, request_id) for name in self._headers if name not in told]
            return start_response(status, [*headers, *added], *more)

        return self._application(environ, start)
