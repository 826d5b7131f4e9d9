"""Who asks: paste filters that put a :class:`RequestContext` into ``environ["groundwork.context"]``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from keystonemiddleware import auth_token

from groundwork.context import RequestContext, from_environ
from groundwork.policy import Policy
from groundwork.request_ids import GLOBAL_ID, OWN_ID
from groundwork.wsgi import WsgiApp
from nova.api import errors
from nova.api.assembly import Assembly, Filter

ENVIRON_KEY = "groundwork.context"
_ADMIN_RULE = "context_is_admin"


class _ContextFilter:
    """Passes a request on once it is known who asks."""

    def __init__(self, application: WsgiApp, *, policy: Policy) -> None:
        self._application = application
        self._policy = policy

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        context = self.context_of(environ)
        if context is None:
            refusal = errors.fault(401, "This request needs a valid token in X-Auth-Token.")
            return refusal(environ, start_response)
        # Who counts as an admin is the operator's to say, so the rule decides and not the role's name.
        context.is_admin = False
        context.is_admin = self._policy.allows(context, _ADMIN_RULE, {})
        # Log lines of this thread name this request from now on.
        context.update_store()
        environ[ENVIRON_KEY] = context
        return self._application(environ, start_response)

    def context_of(self, environ: dict[str, Any]) -> RequestContext | None:
        """The caller; None when nobody proved to be one."""
        raise NotImplementedError


class KeystoneContext(_ContextFilter):
    """Believes the headers of keystonemiddleware, which stands before it and removes forged ones."""

    def context_of(self, environ: dict[str, Any]) -> RequestContext | None:
        if environ.get("HTTP_X_IDENTITY_STATUS") != "Confirmed":
            return None
        return from_environ(environ) if environ.get("HTTP_X_USER_ID") else None


class UncheckedTokens(_ContextFilter):
    """``noauth2``, for tests and laptops: believes any ``X-Auth-Token`` of the form ``user[:project[:role,role]]``.

    Without a project the user's name is the project. Without roles, ``admin`` is admin, member and reader, anybody
    else member and reader.
    """

    def context_of(self, environ: dict[str, Any]) -> RequestContext | None:
        token = environ.get("HTTP_X_AUTH_TOKEN", "")
        user, _, rest = token.partition(":")
        if not user:
            return None
        project, _, roles = rest.partition(":")
        return RequestContext(
            auth_token=token,
            user_id=user,
            project_id=project or user,
            roles=roles.split(",") if roles else _usual_roles(user),
            request_id=environ.get(OWN_ID),
            global_request_id=environ.get(GLOBAL_ID),
            overwrite=False,
        )


def _usual_roles(user: str) -> list[str]:
    return ["admin", "member", "reader"] if user == "admin" else ["member", "reader"]


def auth_token_factory(global_conf: Mapping[str, Any], **local_conf: str) -> Filter:
    """keystonemiddleware's token check, configured by ``[keystone_authtoken]``."""
    conf = Assembly.of(global_conf).conf

    def wrap(application: WsgiApp) -> WsgiApp:
        checked: WsgiApp = auth_token.AuthProtocol(
            application, {**local_conf, "oslo_config_config": conf}
        )
        return checked

    return wrap


def keystone_context_factory(global_conf: Mapping[str, Any], **local_conf: str) -> Filter:
    """The context of a request whose token was checked."""
    policy = Assembly.of(global_conf).policy
    return lambda application: KeystoneContext(application, policy=policy)


def noauth2_factory(global_conf: Mapping[str, Any], **local_conf: str) -> Filter:
    """The context of a request whose token is taken at its word."""
    policy = Assembly.of(global_conf).policy
    return lambda application: UncheckedTokens(application, policy=policy)
