"""What the WSGI application is put together from, on its way through PasteDeploy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from oslo_config import cfg

from groundwork.policy import Policy
from groundwork.wsgi import WsgiApp
from nova.api.links import Links

Filter = Callable[[WsgiApp], WsgiApp]

#: The key under which factories named in api-paste.ini find the assembly in their ``global_conf``.
KEY = "nova.assembly"


@dataclass(frozen=True, slots=True)
class Assembly:
    """The objects that paste factories need; made once per application by :func:`nova.api.app.make`."""

    conf: cfg.ConfigOpts
    policy: Policy
    resources: tuple[object, ...]
    links: Links

    def global_conf(self) -> dict[str, str]:
        """What to hand to PasteDeploy."""
        return {KEY: _Carrier(self)}

    @staticmethod
    def of(global_conf: Mapping[str, Any]) -> Assembly:
        """The assembly for which a factory is called.

        :raises LookupError: the pipeline was not loaded by :func:`nova.api.app.make`.
        """
        carrier = global_conf.get(KEY)
        if not isinstance(carrier, _Carrier):
            raise LookupError("api-paste.ini was not loaded by nova.api.app.make")
        return carrier.assembly


class _Carrier(str):
    """PasteDeploy interpolates every value as text, but hands the original on: so this is a text that carries."""

    assembly: Assembly

    def __new__(cls, assembly: Assembly) -> _Carrier:
        carrier = super().__new__(cls, "assembly")
        carrier.assembly = assembly
        return carrier
