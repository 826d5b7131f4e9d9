"""Consoles of the guests of this host: what the operator offers, and where the driver says they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from oslo_config import cfg

from groundwork.errors import Conflict, NotFound, NotSupported
from nova.domain.console import ConsoleAccess, ConsoleType, unavailable
from nova.virt.driver import Consoles, Driver


@dataclass(frozen=True, slots=True)
class Proxy:
    """The way to the consoles of one type: the proxy's URL, and this host's address as the proxy knows it."""

    base_url: str
    address: str


class ConsoleDoor:
    """Tells where consoles are. Thread safe."""

    def __init__(self, *, driver: Driver, proxies: Mapping[ConsoleType, Proxy]) -> None:
        """``proxies``: of the types that this host offers."""
        self._driver = driver
        self._proxies = proxies

    def open(self, server_uuid: str, type_name: str) -> ConsoleAccess:
        """How clients get to a console.

        :raises Invalid: this host does not offer the type.
        :raises NotSupported: its driver has no such consoles.
        :raises Conflict: the guest is not there (yet, or any more).
        """
        proxy = next((way for kind, way in self._proxies.items() if kind.value == type_name), None)
        if proxy is None:
            raise unavailable(type_name)
        if not isinstance(self._driver, Consoles):
            raise NotSupported(f"Guests of the driver {self._driver.name} have no consoles.")
        try:
            found = self._driver.console(server_uuid, ConsoleType(type_name))
        except NotFound as exc:
            raise Conflict(f"Instance {server_uuid} is not ready", server=server_uuid) from exc
        return ConsoleAccess(
            base_url=proxy.base_url,
            host=found.host or proxy.address,
            port=found.port,
            tls_port=found.tls_port,
            internal_access_path=found.internal_access_path,
        )


def proxies_from_conf(conf: cfg.ConfigOpts) -> Mapping[ConsoleType, Proxy]:
    """The types that are switched on."""
    found: dict[ConsoleType, Proxy] = {}
    if conf.vnc.enabled:
        address = conf.vnc.server_proxyclient_address
        found[ConsoleType.NOVNC] = Proxy(conf.vnc.novncproxy_base_url, address)
    if conf.spice.enabled:
        address = conf.spice.server_proxyclient_address
        found[ConsoleType.SPICE_HTML5] = Proxy(conf.spice.html5proxy_base_url, address)
        direct = conf.spice.spice_direct_proxy_base_url
        found[ConsoleType.SPICE_DIRECT] = Proxy(direct, address)
    if conf.serial_console.enabled:
        address = conf.serial_console.proxyclient_address
        found[ConsoleType.SERIAL] = Proxy(conf.serial_console.base_url, address)
    if conf.mks.enabled:
        found[ConsoleType.WEBMKS] = Proxy(conf.mks.mksproxy_base_url, conf.my_ip)
    return found
