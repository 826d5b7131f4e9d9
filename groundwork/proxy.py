"""The proxy in front of a service: whether what it says of the client is believed."""

from __future__ import annotations

from oslo_config import cfg
from oslo_middleware import http_proxy_to_wsgi

from groundwork.wsgi import WsgiApp


def behind_proxy(application: WsgiApp, conf: cfg.ConfigOpts) -> WsgiApp:
    """The application with the client's own view of host, scheme and prefix.

    Only when ``[oslo_middleware] enable_proxy_headers_parsing`` trusts the proxy. Otherwise it is the application
    itself: the layer would do nothing, and take a tenth of a short request's time for it.
    """
    believing: WsgiApp = http_proxy_to_wsgi.HTTPProxyToWSGI(application, conf)
    return believing if conf.oslo_middleware.enable_proxy_headers_parsing else application
