"""Consoles: which types there are, where their proxies are, and how long a token is good.

``[consoleauth]`` counts in the API, everything else on the compute hosts: in each cell clients go to its own proxies.
"""

from __future__ import annotations

from oslo_config import cfg


def _enabled(what: str, *, default: bool = False) -> cfg.BoolOpt:
    return cfg.BoolOpt(
        "enabled",
        default=default,
        help=f"Whether guests of this host have {what} that clients may open. Requests for others get a 400.",
    )


def _url(name: str, default: str, what: str) -> cfg.URIOpt:
    return cfg.URIOpt(
        name,
        default=default,
        schemes=["http", "https", "ws", "wss"],
        help=f"URL of {what} as clients reach it; the token is added to its query. Set it on the compute hosts of a "
        "cell to the proxy of that cell, which alone knows their tokens.",
    )


def _address(name: str) -> cfg.StrOpt:
    return cfg.StrOpt(
        name,
        default="127.0.0.1",
        help="Address of this compute host, as the proxies of the cell reach its consoles. The default only fits a "
        "proxy on the same machine.",
    )


GROUPS: dict[str | None, list[cfg.Opt]] = {
    "consoleauth": [
        cfg.IntOpt(
            "token_ttl",
            default=600,
            min=0,
            help="Seconds for which a console token can be used after it was given. Longer: an URL that leaks opens "
            "the console for longer; shorter: slow clients come too late. Connections that are open stay open.",
        ),
    ],
    "vnc": [
        _enabled("VNC consoles", default=True),
        _url("novncproxy_base_url", "http://127.0.0.1:6080/vnc_auto.html", "the page of noVNC"),
        _address("server_proxyclient_address"),
    ],
    "spice": [
        _enabled("SPICE consoles"),
        _url("html5proxy_base_url", "http://127.0.0.1:6082/spice_auto.html", "the HTML5 page"),
        _url(
            "spice_direct_proxy_base_url",
            "http://127.0.0.1:13002/nova",
            "the proxy for native SPICE clients",
        ),
        _address("server_proxyclient_address"),
    ],
    "serial_console": [
        _enabled("serial consoles"),
        _url("base_url", "ws://127.0.0.1:6083/", "the websocket proxy"),
        _address("proxyclient_address"),
    ],
    "mks": [
        _enabled("WebMKS consoles"),
        _url("mksproxy_base_url", "http://127.0.0.1:6090/", "the WebMKS page"),
    ],
}
