"""Making clients for tests: real keystoneauth, no network."""

from __future__ import annotations

from typing import Any

import requests
from keystoneauth1.adapter import Adapter
from keystoneauth1.session import Session
from keystoneauth1.token_endpoint import Token

from nova.clients.environment import PooledSession
from nova.clients.session import Repetition, Service
from tests.fakes.placement import WsgiTransport

URL = "http://placement.test"


def make_service(
    *,
    application: Any = None,
    sleep: Any = None,
    service_type: str = "placement",
    **options: Any,
) -> Service:
    """A service at ``URL``; over a WSGI application, or over whatever requests-mock puts in place."""
    connections: requests.Session = PooledSession(pool_size=4)
    if application is not None:
        connections.mount(URL, WsgiTransport(application))
    session = Session(auth=Token(URL, "admin"), session=connections)
    adapter = Adapter(session, service_type=service_type, endpoint_override=URL)
    options.setdefault("repetition", Repetition())
    return Service(adapter, name="Placement", sleep=sleep or (lambda delay_s: None), **options)
