"""Limits of the identity service, read through oslo.limit.

oslo.limit could also compare them with what is used, but it would do so between network calls; limits are only strict
where use is counted under the project's lock, so that is not left to it.

The library reads ``[oslo_limit]`` of the process-wide ``cfg.CONF`` and keeps one connection per process;
:func:`hand_over` gives it our options.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from keystoneauth1 import exceptions as ks_exceptions
from keystoneauth1 import loading
from oslo_config import cfg

from groundwork.errors import Invalid, Unavailable
from nova.clients.session import TIMEOUT_S, load_credentials

if TYPE_CHECKING:
    from oslo_limit.limit import Enforcer

LOG = logging.getLogger(__name__)

GROUP = "oslo_limit"

T = TypeVar("T")


class KeystoneLimits:
    """The limits of this service's endpoint. Thread-safe; nothing is asked before the first limit is wanted."""

    def __init__(self) -> None:
        self._enforcer: Enforcer | None = None

    def registered(self) -> Mapping[str, int]:
        """The limits of whoever has no other, by name.

        :raises Unavailable: Keystone does not answer, or not as it should.
        """
        return self._ask(lambda enforcer: dict(enforcer.get_registered_limits(_ALL)))

    def of_project(self, project_id: str) -> Mapping[str, int]:
        """The limits in force for a project, by name: its own, otherwise the registered ones.

        :raises Unavailable: Keystone does not answer, or not as it should.
        """
        if not project_id:
            # Keystone would take it for all projects.
            return self.registered()
        return self._ask(
            lambda enforcer: {
                **dict(enforcer.get_registered_limits(_ALL)),
                **dict(enforcer.get_project_limits(project_id, _ALL)),
            }
        )

    def _ask(self, question: Callable[[Enforcer], T]) -> T:
        from openstack import exceptions as sdk_exceptions
        from oslo_limit import exception

        try:
            return question(self._connected())
        except (
            ks_exceptions.ClientException,
            sdk_exceptions.SDKException,
            exception.SessionInitError,
            # oslo.limit's own, for an endpoint that is not there, or an enforcement model that it cannot do. It also
            # takes any answer for one that tells the model.
            ValueError,
            LookupError,
            NotImplementedError,
        ) as exc:
            # Whoever answers the request logs it as one that was refused; here is what somebody should act on.
            LOG.error("limits cannot be read from Keystone: %s: %s", type(exc).__name__, exc)
            raise Unavailable(
                "Keystone cannot tell limits now.", internal=f"{type(exc).__name__}: {exc}"
            ) from exc

    def _connected(self) -> Enforcer:
        """The library's enforcer: it asks for the enforcement model and the endpoint once, when it is made.

        Threads that come at the same time each make one, so none waits for another's timeout; any of them will do.
        """
        from oslo_limit.limit import Enforcer

        enforcer = self._enforcer
        if enforcer is None:
            enforcer = self._enforcer = Enforcer(_count_nothing, cache=False)
        return enforcer


# Every limit in one question, instead of a question for each.
_ALL: Any = None


def _count_nothing(_project_id: object, _names: object) -> dict[str, int]:
    """Never called: nothing is enforced here."""
    raise AssertionError("use is counted elsewhere")


def hand_over(conf: cfg.ConfigOpts) -> None:
    """Give ``[oslo_limit]`` to the library, for all of this process; a connection made before is not used again.

    Imports the library, which takes a second.

    :raises Invalid: the group cannot be used; one line for the operator.
    """
    from oslo_limit import limit

    if load_credentials(conf, GROUP) is None:
        raise Invalid(f"Group [{GROUP}] gives no credentials: auth_type is not set.")
    options = conf[GROUP]
    if not (options.endpoint_id or options.endpoint_service_name or options.endpoint_service_type):
        raise Invalid(
            f"Group [{GROUP}] does not tell whose limits count: set endpoint_id, or endpoint_service_type."
        )
    section = options.auth_section or GROUP
    plugin: loading.BaseLoader[Any] = loading.get_plugin_loader(conf[section].auth_type)
    cfg.CONF.register_opts(loading.get_auth_plugin_conf_options(plugin), group=section)
    if section != GROUP:
        loading.register_auth_conf_options(cfg.CONF, section)
    for group in {GROUP, section}:
        for name in cfg.CONF[group]:
            if name in conf[group]:
                cfg.CONF.set_override(name, conf[group][name], group=group)
    # Without one a Keystone that hangs would hold our threads for ever.
    cfg.CONF.set_override("timeout", options.timeout or TIMEOUT_S, group=GROUP)
    limit._SDK_CONNECTION = None
