"""How a request leaves this process: credentials, request id, time and repetition, in one place for
all services.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import requests
from keystoneauth1 import adapter as ks_adapter
from keystoneauth1 import exceptions as ks_exceptions
from keystoneauth1 import loading
from keystoneauth1.plugin import BaseAuthPlugin
from oslo_config import cfg
from oslo_log import log as logging

from groundwork.errors import Invalid, Late, Unavailable
from nova.clients.deadline import Deadline
from nova.clients.environment import PooledSession

LOG = logging.getLogger(__name__)

# Connections kept open to each service. It should not be less than the threads of a process that
# call at once.
POOL_SIZE = 64
# Waiting for one answer when the operator set no timeout: larger, and a hung service holds our
# threads; smaller, and a busy one looks dead.
TIMEOUT_S = 60.0

Query = Mapping[str, str] | Sequence[tuple[str, str]]


class Caller(Protocol):
    """What a call needs of the request context."""

    @property
    def global_id(self) -> str:
        """Request id for the neighbour to log: the caller's own when there is one, else ours."""


@dataclass(frozen=True, slots=True)
class Repetition:
    """How often a call is repeated, and how long to wait in between.

    Each delay is the configured one, or doubles from ``first_delay_s``; both are shortened at
    random, or else all who waited for the same restart come back in the same instant.
    """

    connect_retries: int = 2
    connect_delay_s: float | None = None
    status_retries: int = 2
    status_delay_s: float | None = None
    statuses: frozenset[int] = frozenset({503})
    first_delay_s: float = 0.1

    def delay_s(self, fixed_s: float | None, attempt: int) -> float:
        """Seconds before repetition number ``attempt`` (from 0)."""
        longest = self.first_delay_s * 2**attempt if fixed_s is None else fixed_s
        return longest * random.uniform(0.5, 1.0)


class Service:
    """A neighbour that can be called. Thread-safe.

    Every call may be sent more than once, as nobody can know whether a request whose answer was
    lost has arrived; what is sent must bear that.
    """

    def __init__(
        self,
        adapter: ks_adapter.Adapter,
        *,
        name: str,
        repetition: Repetition | None = None,
        timeout_s: float = TIMEOUT_S,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """:param name: as people say it, for messages: ``Placement``."""
        self.name = name
        self._adapter = adapter
        self._repetition = repetition or Repetition()
        self._timeout_s = timeout_s
        self._sleep = sleep

    @property
    def has_credentials(self) -> bool:
        """Whether this process can log in by itself; if not, each call needs ``auth``."""
        return self._adapter.auth is not None

    def call(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        body: object = None,
        microversion: str | None = None,
        context: Caller | None = None,
        auth: BaseAuthPlugin | None = None,
        deadline: Deadline | None = None,
    ) -> requests.Response:
        """The service's answer, whatever its status.

        :param auth: instead of this service's own credentials.
        :raises Late: no answer in time.
        :raises Unavailable: it cannot be reached, or we cannot log in.
        """
        options: dict[str, Any] = {
            "params": query,
            "json": body,
            "microversion": microversion,
            "global_request_id": context.global_id if context else None,
            "headers": {"Accept": "application/json"},
            # Repeating is done here, where the deadline is known.
            "connect_retries": 0,
            "status_code_retries": 0,
            "raise_exc": False,
        }
        if auth is not None:
            options["auth"] = auth
        failures = refusals = 0
        while True:
            try:
                answer = self._send(method, path, options, deadline)
            except ks_exceptions.ConnectFailure as exc:
                if failures >= self._repetition.connect_retries:
                    raise self._unavailable(method, path, exc) from exc
                reason = f"{method} {path}: {exc}"
                fixed_s, attempt = self._repetition.connect_delay_s, failures
                failures += 1
            else:
                if (
                    answer.status_code not in self._repetition.statuses
                    or refusals >= self._repetition.status_retries
                ):
                    return answer
                reason = f"{method} {path} -> {answer.status_code}"
                fixed_s, attempt = self._repetition.status_delay_s, refusals
                refusals += 1
            self._pause(self._repetition.delay_s(fixed_s, attempt), deadline, reason)

    def endpoint(self, *, auth: BaseAuthPlugin | None = None) -> str:
        """Where the service is, by the operator's options or the catalogue.

        :raises Unavailable: we cannot log in, or the catalogue does not have it.
        """
        try:
            found = self._adapter.get_endpoint(auth=auth)
        except ks_exceptions.ClientException as exc:
            raise self._unavailable("find", "the endpoint", exc) from exc
        if not found:
            raise Unavailable(
                f"{self.name} cannot be reached.", internal="no endpoint in the catalogue"
            )
        return str(found)

    def _send(
        self, method: str, path: str, options: dict[str, Any], deadline: Deadline | None
    ) -> requests.Response:
        """One attempt; only a failed connection comes out as an exception of keystoneauth."""
        timeout_s = self._timeout_s if deadline is None else min(self._timeout_s, deadline.left_s())
        if timeout_s <= 0:
            raise Late(f"{self.name} did not answer in time.", internal=f"{method} {path}")
        try:
            answer = self._adapter.request(path, method, timeout=timeout_s, **options)
        except ks_exceptions.ConnectTimeout as exc:
            raise Late(f"{self.name} did not answer in time.", internal=f"{method} {path}") from exc
        except ks_exceptions.ConnectFailure:
            raise
        except ks_exceptions.ClientException as exc:
            raise self._unavailable(method, path, exc) from exc
        assert isinstance(answer, requests.Response)
        return answer

    def _pause(self, delay_s: float, deadline: Deadline | None, reason: str) -> None:
        """Wait, unless the deadline would pass meanwhile: the caller has better use for that time."""
        if deadline is not None and deadline.left_s() <= delay_s:
            raise Late(f"{self.name} did not answer in time.", internal=reason)
        LOG.debug("%s is asked again in %.2f s after %s", self.name, delay_s, reason)
        self._sleep(delay_s)

    def _unavailable(self, method: str, path: str, exc: Exception) -> Unavailable:
        return Unavailable(f"{self.name} cannot be reached.", internal=f"{method} {path}: {exc}")


def load_service(
    conf: cfg.ConfigOpts, group: str, *, name: str, repetition: Repetition | None = None
) -> Service:
    """The service that a group of options describes.

    :param repetition: instead of what the group says.
    :raises Invalid: the group cannot be used; one line for the operator.
    """
    session = load_session(conf, group)
    try:
        adapter = loading.load_adapter_from_conf_options(
            conf, group, session=session, auth=load_credentials(conf, group)
        )
    except TypeError as exc:
        raise Invalid(f"Group [{group}] cannot be used: {exc}") from exc
    return Service(
        adapter,
        name=name,
        repetition=repetition or _repetition(conf[group]),
        timeout_s=conf[group].timeout or TIMEOUT_S,
    )


def load_session(conf: cfg.ConfigOpts, group: str) -> Any:
    """keystoneauth's session with the TLS settings of a group, over connections that are kept and
    shared.
    """
    return loading.load_session_from_conf_options(
        conf,
        group,
        session=PooledSession(pool_size=POOL_SIZE),
        timeout=conf[group].timeout or TIMEOUT_S,
        app_name="nova",
    )


def load_credentials(conf: cfg.ConfigOpts, group: str) -> BaseAuthPlugin | None:
    """What a group says about logging in; None when it says nothing (no ``auth_type``).

    :raises Invalid: the plugin is unknown or lacks an option; one line for the operator.
    """
    loading.register_auth_conf_options(conf, group)
    try:
        return loading.load_auth_from_conf_options(conf, group)
    except ks_exceptions.AuthPluginException as exc:
        raise Invalid(f"Group [{group}] gives no usable credentials: {exc}") from exc


def _repetition(group: Any) -> Repetition:
    standard = Repetition()
    connect, status = group.connect_retries, group.status_code_retries
    return Repetition(
        connect_retries=standard.connect_retries if connect is None else connect,
        connect_delay_s=group.connect_retry_delay,
        status_retries=standard.status_retries if status is None else status,
        status_delay_s=group.status_code_retry_delay,
        statuses=frozenset(group.retriable_status_codes or standard.statuses),
    )
