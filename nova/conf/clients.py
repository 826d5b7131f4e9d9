"""How other services are reached: keystoneauth's options, one group per service, and few of our own.

The options of an authentication plugin (``auth_url``, ``username`` ...) are not declared here: they depend on
``auth_type``, plugins disagree about them, and some are required. keystoneauth registers them when it loads the plugin.
"""

from __future__ import annotations

from keystoneauth1 import loading
from oslo_config import cfg

_INTERFACES = ["internal", "public"]


def _session() -> list[cfg.Opt]:
    return list(loading.get_session_conf_options())


def _auth() -> list[cfg.Opt]:
    return list(loading.get_auth_common_conf_options())


def _adapter(service_type: str) -> list[cfg.Opt]:
    options = list(loading.get_adapter_conf_options(include_deprecated=False))
    defaults = {"service_type": service_type, "valid_interfaces": _INTERFACES}
    for option in options:
        if option.dest in defaults:
            option.default = defaults[option.dest]
    return options


GROUPS: dict[str | None, list[cfg.Opt]] = {
    "placement": [*_session(), *_auth(), *_adapter("placement")],
    "glance": [
        *_session(),
        *_auth(),
        *_adapter("image"),
        cfg.IntOpt(
            "num_retries",
            default=3,
            min=0,
            help="How often an image call is repeated when Glance does not answer or says 503. "
            "Raise it when Glance restarts often; each repetition makes the tenant wait longer "
            "for the error.",
        ),
    ],
    "keystone": [*_session(), *_auth(), *_adapter("identity")],
    "service_user": [
        *_session(),
        *_auth(),
        cfg.BoolOpt(
            "send_service_user_token",
            default=False,
            help="Send a token of this service's own user along with the user's token, so that "
            "long operations outlive the user's token and other services know that it is us who "
            "ask. Set it to true and fill in the credentials of this group whenever the other "
            "services accept service tokens.",
        ),
    ],
}
