"""Who asks: Keystone's tokens, or none for tests. The documents on the API itself are open to everybody."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import webob
from keystonemiddleware import auth_token
from oslo_config import cfg

from groundwork.errors import Unauthorized
from groundwork.wsgi import WsgiApp
from placement.api import errors

OPEN_PATHS = frozenset({"", "/", "/openapi.json"})


class OpenRoot:
    """Lets requests for the open paths by, and all others through the door."""

    def __init__(self, application: WsgiApp, *, door: WsgiApp) -> None:
        self._application = application
        self._door = door

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        is_open = environ.get("PATH_INFO", "") in OPEN_PATHS
        return (self._application if is_open else self._door)(environ, start_response)


class NoAuth:
    """Believes the token: ``admin`` may do everything, ``USER:PROJECT`` is that user.

    The headers ``X-Roles`` and ``X-Project-Id`` are believed, too; an administrator needs no roles.
    """

    def __init__(self, application: WsgiApp) -> None:
        self._application = application

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        request = webob.Request(environ)
        token = request.headers.get("X-Auth-Token")
        if not token:
            problem = Unauthorized("The request you have made requires authentication.")
            return errors.answer(problem, request, None)(environ, start_response)
        user, _, project = token.partition(":")
        roles = (
            "admin,member,reader,service" if user == "admin" else request.headers.get("X-Roles", "")
        )
        environ["HTTP_X_USER_ID"] = user
        environ["HTTP_X_PROJECT_ID"] = project or request.headers.get("X-Project-Id") or user
        environ["HTTP_X_ROLES"] = roles
        environ["HTTP_X_IDENTITY_STATUS"] = "Confirmed"
        return self._application(environ, start_response)


def keystone(application: WsgiApp, conf: cfg.ConfigOpts) -> WsgiApp:
    """Tokens are checked with Keystone; who has none, or a bad one, gets 401."""
    settings = {"oslo_config_config": conf, "delay_auth_decision": False}
    door: WsgiApp = auth_token.AuthProtocol(application, settings)
    return door
