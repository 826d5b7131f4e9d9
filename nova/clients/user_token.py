"""Calls made in the name of the user who asked us."""

from __future__ import annotations

from typing import Any, Protocol

from keystoneauth1.noauth import NoAuth
from keystoneauth1.plugin import BaseAuthPlugin
from keystoneauth1.service_token import ServiceTokenAuthWrapper


class User(Protocol):
    """What passing on somebody's rights needs of the request context."""

    @property
    def auth_token(self) -> str | None:
        """The token that came with the request; None without Keystone."""


class PassedToken(BaseAuthPlugin):
    """Sends a token that somebody else fetched; where services are is asked of ``catalog``."""

    def __init__(self, token: str, *, catalog: BaseAuthPlugin | None) -> None:
        super().__init__()
        self._token = token
        self._catalog = catalog

    def get_token(self, session: Any) -> str:
        """See keystoneauth."""
        return self._token

    def get_endpoint(self, session: Any, **kwargs: Any) -> str | None:
        """See keystoneauth: from the catalogue that our own credentials see, as the token brings
        none along.
        """
        return self._catalog.get_endpoint(session, **kwargs) if self._catalog else None

    def invalidate(self) -> bool:
        """False: we cannot fetch another token in the user's name, so a 401 is final."""
        return False


class OnBehalf:
    """Makes the credentials for calls in a user's name."""

    def __init__(
        self, *, catalog: BaseAuthPlugin | None = None, service_user: BaseAuthPlugin | None = None
    ) -> None:
        """
        :param catalog: credentials whose catalogue names the endpoints; not needed with
            ``endpoint_override``.
        :param service_user: credentials that vouch for us with a service token; None sends none.
        """
        self._catalog = catalog
        self._service_user = service_user

    def of(self, user: User) -> BaseAuthPlugin:
        """Credentials with the user's token.

        A user without one (no Keystone) gets none, and never our own: they may see what the user
        may not.
        """
        if not user.auth_token:
            return NoAuth()
        passed = PassedToken(user.auth_token, catalog=self._catalog)
        if self._service_user is None:
            return passed
        return ServiceTokenAuthWrapper(user_auth=passed, service_auth=self._service_user)
